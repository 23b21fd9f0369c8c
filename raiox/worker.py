"""What the worker tells and counts of each job, under the case's correlation id."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from procrastinate import App, JobContext
from procrastinate.jobs import Job
from procrastinate.worker import Worker

from raiox.common import measures
from raiox.common.correlation import correlated
from raiox.common.runs import Run, Superseded, running
from raiox.job_manager import OwnJobsOnly

logger = logging.getLogger(__name__)
# The arguments that are ids of rows. Others are not told.
_IDS: Final = ("case_id", "event_id", "finding_id")


def prepare(app: App) -> None:
    """Called by procrastinate once its app is there."""
    app.worker_defaults["worker_middleware"] = [tell]
    app.job_manager = OwnJobsOnly(app.connector)


async def tell(call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
    """Run one job, and say when it begins and how it ends."""
    job = context.job
    given = str(job.task_kwargs.get("correlation_id") or "")
    # Periodic jobs would fill the log; what they find to do they tell themselves.
    level = logging.INFO if given else logging.DEBUG
    with correlated(given, job_id=job.id, task=job.task_name, **_ids(job)):
        logger.log(level, "job begun", extra={"attempt": job.attempts + 1})
        started = time.perf_counter()
        try:
            with running(Run(job.id, job.attempts)):
                result = await call_next()
        except Superseded:
            # Nothing failed: another run does it.
            logger.warning("job superseded", extra=_ended(job, "superseded", started))
            return None
        except BaseException:
            logger.warning("job failed", extra=_ended(job, "failed", started), exc_info=True)
            raise
        logger.log(level, "job done", extra=_ended(job, "done", started))
        return result


def _ids(job: Job) -> dict[str, int]:
    given = {name: job.task_kwargs.get(name) for name in _IDS}
    return {name: value for name, value in given.items() if isinstance(value, int)}


def _ended(job: Job, outcome: str, started: float) -> dict[str, int]:
    seconds = time.perf_counter() - started
    measures.job_ended(job.task_name, outcome, seconds)
    return {"duration_ms": round(seconds * 1000)}
