"""Lets only that run of a job write which still has the job.

A worker that was silent for too long may live: frozen and thawed, or cut off for a while. Its job
was given to another run meanwhile. The queue counts a job's attempts each time it hands it out, so
job and attempt name one run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

# Whoever falls silent in the middle of a transaction would hold its locks for as long: the
# database ends the session by then.
_HOLD = """
    SELECT set_config('idle_in_transaction_session_timeout', %s, true)
      FROM procrastinate_jobs
     WHERE id = %s AND attempts = %s AND status = 'doing'
       FOR SHARE
"""


@dataclass(frozen=True)
class Run:
    """One attempt at one job."""

    job_id: int | None
    attempt: int


class Superseded(Exception):
    """This run was taken for dead, and its job belongs to another one."""


_current: ContextVar[Run | None] = ContextVar("run", default=None)


@contextmanager
def running(run: Run) -> Iterator[None]:
    """What happens in this block belongs to `run`."""
    token = _current.set(run)
    try:
        yield
    finally:
        _current.reset(token)


def hold() -> None:
    """Keep the job ours until the transaction ends. Raises `Superseded` when it no longer is.

    To be called first in each transaction that writes what a job has found. Does nothing outside
    of a job: commands and people are not taken for dead.
    """
    run = _current.get()
    if run is None:
        return
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a run is held in a transaction only")
    silence = f"{round(settings.WORKER_STALLED_SECONDS * 1000)}ms"
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [silence, run.job_id, run.attempt])
        if cursor.fetchone() is None:
            raise Superseded


@transaction.atomic
def check() -> None:
    """Raise `Superseded` when the job is no longer ours: before what no transaction can hold."""
    hold()
