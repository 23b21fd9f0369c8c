"""Upkeep of the job queue, with real rows and procrastinate's own SQL."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from procrastinate import JobContext, exceptions
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job, Status

from raiox import tasks
from raiox.job_manager import OwnJobsOnly

pytestmark = pytest.mark.django_db(transaction=True)

STALE = django_settings.WORKER_STALLED_SECONDS + 5


@pytest.fixture(autouse=True)
def _clean_queue() -> Iterator[None]:
    """Django empties its own models' tables after a test, procrastinate's are not among them."""
    yield
    query("TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events CASCADE")


def query(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def worker(silent_for: float) -> int:
    """A worker whose last heartbeat is this many seconds old."""
    ((number,),) = query(
        "INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - %s * interval '1 second') RETURNING id",
        silent_for,
    )
    return int(number)


def begun_job(
    worker_id: int | None, *, attempts: int = 0, task: str = "implants.embed_reference"
) -> int:
    """A job that this worker (None: one that is not even listed any more) has in hand."""
    number = app.configure_task(task).defer()
    query(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s, attempts = %s"
        " WHERE id = %s",
        worker_id, attempts, number,
    )  # fmt: skip
    return number


def state(number: int) -> tuple[Any, ...]:
    (found,) = query("SELECT status, attempts FROM procrastinate_jobs WHERE id = %s", number)
    return found


def run(task: Any) -> None:
    """The task as a worker runs it: asynchronously, over a pool of its own."""

    async def work() -> None:
        assert isinstance(app.connector, DjangoConnector)
        with app.replace_connector(app.connector.get_worker_connector()) as working:
            async with working.open_async():
                job = Job(id=0, queue="default", lock=None, queueing_lock=None, task_name="any")
                context = JobContext(app=working, job=job, start_timestamp=time.time(),
                                     abort_reason=lambda: None)  # fmt: skip
                await task(context, timestamp=0)

    # In a thread of its own: the browser tests leave a running loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work()).result()


def test_a_job_whose_worker_is_gone_is_handed_out_again() -> None:
    of_dead, of_unlisted = begun_job(worker(STALE)), begun_job(None)
    run(tasks.retry_stalled_jobs)
    assert state(of_dead) == state(of_unlisted) == ("todo", 1)


def test_a_job_whose_worker_lives_stays_with_it() -> None:
    number = begun_job(worker(1))
    run(tasks.retry_stalled_jobs)
    assert state(number) == ("doing", 0)


def test_a_job_that_ends_its_worker_each_time_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dead = worker(STALE)
    last, over = (begun_job(dead, attempts=tasks.MAX_ATTEMPTS - left) for left in (1, 0))
    run(tasks.retry_stalled_jobs)
    assert state(last) == ("todo", tasks.MAX_ATTEMPTS)
    assert state(over)[0] == "failed"
    (record,) = [entry for entry in caplog.records if entry.name == "raiox.tasks"]
    assert (record.levelno, vars(record)["job_id"]) == (logging.ERROR, over)


def test_a_job_that_waits_a_second_time_already_is_not_needed() -> None:
    """A periodic task is deferred again while the queue still has it with the dead worker."""
    stalled = begun_job(worker(STALE), task="raiox.remove_old_jobs")
    again = app.configure_task("raiox.remove_old_jobs").defer()
    run(tasks.retry_stalled_jobs)
    assert (state(stalled)[0], state(again)[0]) == ("aborted", "todo")


def test_a_retry_that_fails_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dead = worker(STALE)
    first, second = begun_job(dead), begun_job(dead)
    retry = OwnJobsOnly.retry_job

    async def failing(manager: OwnJobsOnly, job: Job) -> None:
        if job.id == first:
            raise exceptions.ConnectorException
        await retry(manager, job)

    monkeypatch.setattr(OwnJobsOnly, "retry_job", failing)
    run(tasks.retry_stalled_jobs)
    assert (state(first)[0], state(second)[0]) == ("doing", "todo")
    assert [vars(entry)["job_id"] for entry in caplog.records if entry.exc_info] == [first]


async def late_end(context: JobContext, job: Job) -> None:
    await context.app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=False)


async def late_retry(context: JobContext, job: Job) -> None:
    await context.app.job_manager.retry_job(job)


@pytest.mark.parametrize("late", [late_end, late_retry])
def test_a_worker_taken_for_dead_does_not_end_the_job_of_the_next(
    late: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """If it did, and the next one died, nobody would have the job any more."""
    number = begun_job(worker(1), attempts=1)
    mine = Job(
        id=number, queue="default", lock=None, queueing_lock=None, attempts=0, task_name="any"
    )

    async def end(context: JobContext, timestamp: int) -> None:
        await late(context, mine)

    run(end)
    assert state(number) == ("doing", 1)
    assert "job left to its next run" in caplog.messages


@pytest.mark.parametrize(("late", "after"), [(late_end, "succeeded"), (late_retry, "todo")])
def test_a_worker_ends_and_repeats_its_own_job(late: Callable[..., Any], after: str) -> None:
    number = begun_job(worker(1))
    mine = Job(
        id=number, queue="default", lock=None, queueing_lock=None, attempts=0, task_name="any"
    )

    async def end(context: JobContext, timestamp: int) -> None:
        await late(context, mine)

    run(end)
    assert state(number) == (after, 1)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "aborted"])
def test_old_finished_jobs_are_removed_and_fresh_ones_stay(status: str) -> None:
    old, fresh, waiting = begun_job(None), begun_job(None), begun_job(None)
    query("UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", waiting)
    query(
        "UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status WHERE id IN (%s, %s)",
        status, old, fresh,
    )  # fmt: skip
    query(
        "UPDATE procrastinate_events SET at = at - %s * interval '1 hour' WHERE job_id IN (%s, %s)",
        tasks.KEEP_HOURS + 1, old, waiting,
    )  # fmt: skip
    run(tasks.remove_old_jobs)
    assert query("SELECT id FROM procrastinate_jobs ORDER BY id") == [(fresh,), (waiting,)]
