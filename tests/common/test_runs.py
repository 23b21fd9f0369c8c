"""Only the run that has a job may write; who falls silent meanwhile does not hold it for ever."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import InternalError, connection, transaction

from raiox.common import runs
from raiox.common.runs import Run, Superseded, running
from tests.runs import begun_run, hand_on

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _clean_queue() -> Iterator[None]:
    """Procrastinate's tables are not emptied with Django's."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


def finish(run: Run) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)", [run.job_id])


def test_the_run_that_has_the_job_may_write() -> None:
    with running(begun_run()):
        runs.check()


@pytest.mark.parametrize("end", [hand_on, finish])
def test_a_run_whose_job_is_over_or_has_another_run_may_not(end: Any) -> None:
    run = begun_run()
    end(run)
    with running(run), pytest.raises(Superseded):
        runs.check()


def test_commands_and_people_have_no_job_to_lose() -> None:
    hand_on(begun_run())
    runs.check()


def test_a_run_is_held_in_a_transaction_only() -> None:
    with running(begun_run()), pytest.raises(transaction.TransactionManagementError):
        runs.hold()


def test_a_job_is_not_handed_on_in_the_middle_of_its_writing() -> None:
    run, events = begun_run(), []

    def take_for_dead() -> None:
        try:
            hand_on(run)
            events.append("handed on")
        finally:
            connection.close()

    other = threading.Thread(target=take_for_dead)
    with running(run):
        with transaction.atomic():
            runs.hold()
            other.start()
            time.sleep(0.5)
            events.append("written")
        other.join(10)
        with pytest.raises(Superseded):
            runs.check()
    assert events == ["written", "handed on"]


def test_the_database_ends_a_transaction_that_fell_silent(settings: Any) -> None:
    """A frozen worker holds neither its job nor anybody's case."""
    settings.WORKER_STALLED_SECONDS = 0.2
    with running(begun_run()), pytest.raises(InternalError), transaction.atomic():
        runs.hold()
        time.sleep(1)
        runs.hold()
    connection.close()
