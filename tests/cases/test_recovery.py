"""What lost its job is found again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from cases import intake, queue, recovery, review
from cases.models import Case, CaseEvent, Delivery
from tests.cases.conftest import jobs
from webhooks import inbox
from webhooks.models import InboundEvent

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=11)


def test_a_case_that_lost_its_job_is_analysed(make_case: Callable[..., Case]) -> None:
    case, fresh = make_case("analyzing"), make_case("received")
    make_case("pending", created_at=timezone.now() - LONG_AGO)
    Case.objects.exclude(pk=fresh.pk).update(created_at=timezone.now() - LONG_AGO)
    assert recovery.requeue_lost() == 1
    assert [job["case_id"] for job in jobs("cases.analyze_case")] == [case.pk]
    assert recovery.requeue_lost() == 0


def test_an_event_that_lost_its_job_is_opened(make_event: Callable[..., InboundEvent]) -> None:
    event = make_event()
    assert recovery.requeue_lost() == 0
    InboundEvent.objects.update(received_at=timezone.now() - LONG_AGO)
    assert recovery.requeue_lost() == 1
    assert [job["event_id"] for job in jobs("cases.open_case")] == [event.pk]
    intake.open_case(event.pk)
    assert recovery.requeue_lost() == 0


@pytest.mark.parametrize(
    ("kind", "data"),
    [("analysis_requested", {}), ("analysis_started", {}), ("updated", {"images": 1})],
)
def test_a_new_analysis_of_a_waiting_case_that_lost_its_job_is_made(
    make_case: Callable[..., Case], kind: str, data: dict[str, int]
) -> None:
    case = make_case()
    case.events.create(kind="analyzed")
    assert recovery.requeue_lost() == 0
    case.events.create(kind=kind, data=data)
    assert recovery.requeue_lost() == 0
    CaseEvent.objects.update(created_at=timezone.now() - LONG_AGO)
    assert recovery.requeue_lost() == 1
    assert [job["case_id"] for job in jobs("cases.analyze_case")] == [case.pk]


@pytest.mark.parametrize(
    ("kind", "data"),
    [("analyzed", {}), ("analysis_failed", {}), ("updated", {"images": 0}), ("note_changed", {})],
)
def test_a_waiting_case_whose_analysis_is_over_stays_as_it_is(
    make_case: Callable[..., Case], kind: str, data: dict[str, int]
) -> None:
    case = make_case()
    for one in ("analysis_requested", "analyzed"):
        case.events.create(kind=one)
    case.events.create(kind=kind, data=data)
    CaseEvent.objects.update(created_at=timezone.now() - LONG_AGO)
    assert recovery.requeue_lost() == 0


@pytest.mark.parametrize("name", ["cases.requeue_lost", "cases.resume_deliveries"])
def test_the_worker_looks_for_what_is_lost(
    name: str, make_case: Callable[..., Case], brenda: User
) -> None:
    """By itself, and the job that it makes for that does it."""
    periodic = {task.name: task for task in _periodic()}
    lost = make_case("received")
    decided = make_case()
    review.reject(decided, brenda, reason="new_film_needed")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    Case.objects.update(created_at=timezone.now() - LONG_AGO)
    Delivery.objects.update(due_at=timezone.now() - LONG_AGO)
    periodic[name](timestamp=0)
    found = jobs("cases.analyze_case") + jobs("cases.deliver")
    expected = lost if name == "cases.requeue_lost" else decided
    assert [job["case_id"] for job in found] == [expected.pk]


def _periodic() -> list[Any]:
    return [it.task for it in app.periodic_registry.periodic_tasks.values()]


def test_what_has_a_job_is_left_to_it(
    make_case: Callable[..., Case], make_event: Callable[..., InboundEvent]
) -> None:
    case, event = make_case("received"), make_event()
    queue.defer_analysis(case)
    inbox.defer_open_case(event)
    Case.objects.update(created_at=timezone.now() - LONG_AGO)
    InboundEvent.objects.update(received_at=timezone.now() - LONG_AGO)
    assert recovery.requeue_lost() == 0
