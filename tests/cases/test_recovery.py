"""What lost its job is found again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from cases import intake, queue, recovery
from cases.models import Case
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


def test_what_has_a_job_is_left_to_it(
    make_case: Callable[..., Case], make_event: Callable[..., InboundEvent]
) -> None:
    case, event = make_case("received"), make_event()
    queue.defer_analysis(case)
    inbox.defer_open_case(event)
    Case.objects.update(created_at=timezone.now() - LONG_AGO)
    InboundEvent.objects.update(received_at=timezone.now() - LONG_AGO)
    assert recovery.requeue_lost() == 0
