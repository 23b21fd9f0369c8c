"""Teeth of findings follow the dentist, where no reviewer said otherwise."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from cases import intake, review
from cases.models import Case
from webhooks.models import InboundEvent

MakeEvent = Callable[..., InboundEvent]


@pytest.fixture
def without_tooth(make_event: MakeEvent, brenda: User) -> Case:
    """Two implants, of which neither the dentist nor the reviewer named a tooth."""
    case = intake.open_case(make_event(q7_dente="").pk)
    assert case is not None
    Case.objects.update(state="pending")
    review.add_finding(case, brenda)
    return case


def teeth(case: Case) -> list[str]:
    return list(case.findings.order_by("pk").values_list("tooth", flat=True))


def test_a_tooth_named_late_is_of_one_implant(without_tooth: Case, make_event: MakeEvent) -> None:
    intake.open_case(make_event(q7_dente="36").pk)
    assert teeth(without_tooth) == ["36", ""]


def test_a_tooth_named_after_the_decision_is_of_one_implant(
    without_tooth: Case, make_event: MakeEvent, brenda: User
) -> None:
    without_tooth.findings.update(verdict="not_identifiable")
    review.approve(without_tooth, brenda)
    intake.open_case(make_event(q7_dente="36").pk)
    assert teeth(without_tooth) == ["", ""]
    review.reopen(without_tooth, brenda)
    assert teeth(without_tooth) == ["36", ""]


def test_findings_at_the_tooth_that_was_named_follow_all(
    without_tooth: Case, make_event: MakeEvent
) -> None:
    without_tooth.findings.update(tooth="36")
    Case.objects.update(tooth="36")
    intake.open_case(make_event(q7_dente="37").pk)
    assert teeth(without_tooth) == ["37", "37"]
