"""Upkeep of the job queue: procrastinate leaves stalled and old jobs to its users."""

import logging

from axes.models import AccessAttempt
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from procrastinate import JobContext, builtin_tasks, exceptions
from procrastinate.contrib.django import app
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

logger = logging.getLogger(__name__)

KEEP_HOURS = 72
# A job that was begun so often and whose worker died again is likely what kills the workers.
MAX_ATTEMPTS = 10


@app.periodic(cron="* * * * * */15")
@app.task(
    name="raiox.retry_stalled_jobs", queueing_lock="raiox.retry_stalled_jobs", pass_context=True
)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Give jobs whose worker died (no heartbeat any more) to another worker, or give them up."""
    manager = context.app.job_manager
    silence = settings.WORKER_STALLED_SECONDS
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=silence):
        try:
            await _retry_or_give_up(manager, job)
        except Exception:  # one job, ended meanwhile perhaps, must not hold up the others
            logger.exception("stalled job not retried", extra=_facts(job))


async def _retry_or_give_up(manager: JobManager, job: Job) -> None:
    if job.attempts >= MAX_ATTEMPTS:
        await manager.finish_job(job, status=Status.FAILED, delete_job=False)
        logger.error("stalled job given up", extra=_facts(job))
        return
    try:
        await manager.retry_job(job)
    except exceptions.UniqueViolation:
        # Under its queueing lock, a periodic task of the same kind is waiting already.
        await manager.finish_job(job, status=Status.ABORTED, delete_job=False)


def _facts(job: Job) -> dict[str, object]:
    return {"job_id": job.id, "task": job.task_name, "attempts": job.attempts}


@app.periodic(cron="17 * * * *")
@app.task(name="raiox.remove_old_jobs", queueing_lock="raiox.remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    """Forget finished jobs; failed ones too, since events and deliveries keep what happened."""
    await builtin_tasks.remove_old_jobs(
        context,
        max_hours=KEEP_HOURS,
        remove_failed=True,
        remove_cancelled=True,
        remove_aborted=True,
    )


@app.periodic(cron="41 3 * * *")
@app.task(name="raiox.forget_log_ins", queueing_lock="raiox.forget_log_ins")
def forget_log_ins(timestamp: int) -> None:
    """What is left of log-ins: sessions and refresh tokens that have run out, wrong passwords.

    Those hold names and addresses; django-axes looks for old ones only when somebody tries again.
    """
    call_command("flushexpiredtokens")
    call_command("clearsessions")
    over = timezone.now() - settings.AXES_COOLOFF_TIME
    AccessAttempt.objects.filter(attempt_time__lte=over).delete()
