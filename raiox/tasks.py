"""Upkeep of the job queue: procrastinate leaves stalled and old jobs to its users."""

from django.conf import settings
from procrastinate import JobContext, builtin_tasks
from procrastinate.contrib.django import app

KEEP_HOURS = 72


@app.periodic(cron="* * * * * */15")
@app.task(
    name="raiox.retry_stalled_jobs", queueing_lock="raiox.retry_stalled_jobs", pass_context=True
)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Give jobs whose worker died (no heartbeat any more) to another worker."""
    manager = context.app.job_manager
    silence = settings.WORKER_STALLED_SECONDS
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=silence):
        await manager.retry_job(job)


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
