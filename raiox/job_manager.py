"""How the worker tells the queue that a job has ended, or is to be repeated."""

import logging
from datetime import datetime
from typing import Any, Final

from procrastinate import utils
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

logger = logging.getLogger(__name__)
# `attempts` grows whenever a job is handed out again: see `raiox.common.runs`.
_FINISH: Final = """
    WITH ours AS MATERIALIZED (
        SELECT id FROM procrastinate_jobs
         WHERE id = %(job_id)s AND attempts = %(attempts)s AND status = 'doing'
           FOR UPDATE
    )
    SELECT procrastinate_finish_job_v1(id, %(end_status)s, %(delete_job)s) FROM ours
"""
_RETRY: Final = """
    WITH ours AS MATERIALIZED (
        SELECT id FROM procrastinate_jobs
         WHERE id = %(job_id)s AND attempts = %(attempts)s AND status = 'doing'
           FOR UPDATE
    )
    SELECT procrastinate_retry_job_v2(
        id, %(retry_at)s, %(new_priority)s, %(new_queue_name)s, %(new_lock)s
    ) FROM ours
"""


class OwnJobsOnly(JobManager):
    """Ends and repeats a job for the run that has it. Procrastinate goes by the job's number alone:
    there, a worker that was taken for dead ends the job under the hands of the next one, and a
    second crash would find no job to give on."""

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End it, unless another run has it by now."""
        await self._tell(_FINISH, job, end_status=status.value, delete_job=delete_job)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Have it repeated, unless another run has it by now."""
        await self._tell(
            _RETRY,
            job,
            retry_at=retry_at or utils.utcnow(),
            new_priority=priority,
            new_queue_name=queue,
            new_lock=lock,
        )

    async def _tell(self, query: str, job: Job, **more: Any) -> None:
        rows = await self.connector.execute_query_all_async(
            query, job_id=job.id, attempts=job.attempts, **more
        )
        if not rows:
            facts = {"job_id": job.id, "task": job.task_name, "attempts": job.attempts}
            logger.warning("job left to its next run", extra=facts)
