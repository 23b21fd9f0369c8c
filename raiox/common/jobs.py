"""Asks for background jobs, always in the transaction of the rows that need them.

Procrastinate's own `defer` does so in the web process only: its worker puts another connector
under the app, and a job asked for inside a task would be visible, and run, before its rows are.
"""

from typing import Any

from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task


def job(task: str, **options: Any) -> JobDeferrer:
    """The deferrer of `task`, known by its name, on Django's own connection.

    `options` are procrastinate's: `lock`, `queueing_lock`, `schedule_at`. Call `defer` on it.
    """
    return configure_task(name=task, job_manager=JobManager(DjangoConnector()), **options)
