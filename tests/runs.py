"""A job that a worker has in hand, and its handing on to another one."""

from django.db import connection
from procrastinate.contrib.django import app

from raiox.common.runs import Run

DOING = "UPDATE procrastinate_jobs SET status = 'doing', attempts = %s WHERE id = %s"


def begun_run(task: str = "cases.analyze_case") -> Run:
    """The first run of a new job."""
    run = Run(app.configure_task(task).defer(), 0)
    with connection.cursor() as cursor:
        cursor.execute(DOING, [0, run.job_id])
    return run


def hand_on(run: Run) -> None:
    """Its worker is taken for dead: the job's next run has begun."""
    with connection.cursor() as cursor:
        cursor.execute(DOING, [run.attempt + 1, run.job_id])
