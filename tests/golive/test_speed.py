"""From the webhook to a case that waits, by the times that were stored."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cases.models import Case, CaseEvent
from raiox.golive import speed
from raiox.golive.line import Line, Plan, Status
from webhooks.models import InboundEvent

pytestmark = pytest.mark.django_db
PLAN = Plan(url="http://127.0.0.1:1")


@pytest.fixture
def came(make_case: Callable[..., Case], make_event: Callable[..., InboundEvent]) -> Any:
    """A case that waited so many seconds after its webhook."""
    numbers = iter(range(1, 1000))

    def come(seconds: float, *, kind: str = "multipart", hours_ago: float = 1) -> Case:
        submission = str(next(numbers))
        arrived = timezone.now() - timedelta(hours=hours_ago)
        event = make_event(submission)
        InboundEvent.objects.filter(pk=event.pk).update(received_at=arrived, kind=kind)
        case = make_case(submission_id=submission)
        Case.objects.filter(pk=case.pk).update(created_at=arrived)
        ended = CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.ANALYZED)
        at = arrived + timedelta(seconds=seconds)
        CaseEvent.objects.filter(pk=ended.pk).update(created_at=at)
        return case

    return come


def check() -> Line:
    return speed.webhook_to_pending(PLAN)


def test_nothing_came_by_webhook(came: Any) -> None:
    assert check().status == Status.WARN
    came(1, kind="swept")
    came(1, hours_ago=24 * 8)
    assert "not measured" in check().seen


def test_quick_enough(came: Any) -> None:
    for _ in range(19):
        came(1.2)
    line = check()
    assert (line.status, line.seen) == (Status.WARN, "p95 1.2 s, median 1.2 s, of 19 cases: too few to tell")  # fmt: skip  # noqa: E501
    came(40)  # the twentieth of twenty
    line = check()
    assert (line.status, line.seen) == (Status.OK, "p95 1.2 s, median 1.2 s, of 20 cases")


def test_too_slow(came: Any) -> None:
    for _ in range(18):
        came(1)
    came(3)
    came(5)
    line = check()
    assert (line.status, line.seen) == (Status.FAIL, "p95 3.0 s, median 1.0 s, of 20 cases")


def test_the_first_analysis_counts_and_the_first_delivery(
    came: Any, make_event: Callable[..., InboundEvent]
) -> None:
    case = came(2)
    make_event(case.submission_id)  # an edit, later
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.ANALYZED)
    assert check().seen.startswith("p95 2.0 s")


def test_percentile() -> None:
    assert speed.percentile([3, 1, 2, 4], 0.5) == 2
    assert speed.percentile(range(1, 101), 0.95) == 95
    assert speed.percentile([7], 0.95) == 7
