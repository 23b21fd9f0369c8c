"""Reviewers' decisions in the calibration: whose, of which kind, and when it is made anew."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import User
from procrastinate.contrib.django import app

from cases import review
from cases.calibrating import refresh_calibrations
from cases.models import Case, CaseImage, Finding, Search
from implants.calibration.keeping import calibration_of
from implants.calibration.words import Words
from implants.models import Encoder, Implant
from tests.cases.conftest import jobs

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]
AddSearch = Callable[..., Search]


@pytest.fixture
def decide(
    make_case: MakeCase, add_search: AddSearch, brenda: User
) -> Callable[[float, Implant, Implant | None], Case]:
    """A case whose finding got a suggestion, approved with the implant (None: not in catalogue)."""

    def act(similarity: float, suggested: Implant, chosen: Implant | None) -> Case:
        case = make_case()
        finding = case.findings.get()
        add_search(finding, case.images.get(), (suggested, similarity))
        verdict = "identified" if chosen else "not_in_catalogue"
        review.set_verdict(finding, brenda, verdict=verdict, implant=chosen)
        return review.approve(case, brenda)

    return act


def whole_film(encoder: Encoder) -> Words:
    kept = calibration_of(encoder.pk)
    assert kept is not None
    return kept.whole_film


def test_decisions_are_observations_of_the_encoder_that_suggested(
    decide: Callable[..., Case], encoder_row: Encoder, implants: list[Implant]
) -> None:
    decide(0.8, implants[0], implants[0])
    decide(0.7, implants[0], implants[1])
    decide(0.6, implants[0], None)
    assert refresh_calibrations() == 1
    words = whole_film(encoder_row)
    assert (words.references, words.decisions, words.implants) == (0, 3, 2)


def test_decisions_alone_give_words_when_there_are_enough(
    decide: Callable[..., Case], encoder_row: Encoder, implants: list[Implant]
) -> None:
    more = [Implant.objects.create(manufacturer=implants[0].manufacturer, name=f"L{number}")
            for number in range(6)]  # fmt: skip
    for number in range(54):
        right = number % 6 != 0
        decide(0.8 if right else 0.4, more[number % 6], more[number % 6] if right else None)
    refresh_calibrations()
    words = whole_film(encoder_row)
    assert words.are_calibrated
    assert words.high == pytest.approx(0.8)


def test_decisions_on_regions_are_kept_apart(
    make_case: MakeCase, add_search: AddSearch, encoder_row: Encoder, implants: list[Implant],
    brenda: User,
) -> None:  # fmt: skip
    case = make_case()
    finding, image = Finding.objects.get(), CaseImage.objects.get()
    finding.image, finding.region = image, [0.1, 0.1, 0.3, 0.3]
    finding.save()
    add_search(finding, image, (implants[0], 0.8))
    review.set_verdict(finding, brenda, verdict="probable", implant=implants[0])
    review.approve(case, brenda)
    refresh_calibrations()
    kept = calibration_of(encoder_row.pk)
    assert kept is not None
    assert (kept.region.decisions, kept.whole_film.decisions) == (1, 0)


def test_what_is_not_identifiable_teaches_nothing(
    make_case: MakeCase, add_search: AddSearch, encoder_row: Encoder, implants: list[Implant],
    brenda: User,
) -> None:  # fmt: skip
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[0], 0.8))
    review.set_verdict(case.findings.get(), brenda, verdict="not_identifiable", implant=None)
    review.approve(case, brenda)
    refresh_calibrations()
    assert whole_film(encoder_row).decisions == 0


def test_a_decision_taken_back_is_forgotten(
    decide: Callable[..., Case], encoder_row: Encoder, implants: list[Implant], brenda: User
) -> None:
    case = decide(0.8, implants[0], implants[0])
    refresh_calibrations()
    review.reopen(case, brenda)
    assert refresh_calibrations() == 1
    assert whole_film(encoder_row).decisions == 0


def test_nothing_is_made_anew_while_nothing_changes(
    decide: Callable[..., Case], encoder_row: Encoder, implants: list[Implant]
) -> None:
    decide(0.8, implants[0], implants[0])
    assert refresh_calibrations() == 1
    assert refresh_calibrations() == 0


def test_another_encoders_suggestions_teach_nothing(
    decide: Callable[..., Case], encoder_row: Encoder, implants: list[Implant]
) -> None:
    decide(0.8, implants[0], implants[0])
    Encoder.objects.update(is_active=False)
    other = Encoder.objects.create(name="other", path="nowhere", is_active=True)
    refresh_calibrations()
    assert whole_film(other).decisions == 0


def test_decisions_ask_for_one_refresh(
    decide: Callable[..., Case], encoder_row: Encoder, implants: list[Implant],
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]], brenda: User,
) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        case = decide(0.8, implants[0], implants[0])
        decide(0.8, implants[1], implants[1])
    assert jobs("cases.refresh_calibration") == [{}]
    with django_capture_on_commit_callbacks(execute=True):
        review.reopen(case, brenda)
    assert len(jobs("cases.refresh_calibration")) == 1


def test_the_worker_knows_the_task_and_each_hour_runs_it() -> None:
    task = app.tasks["cases.refresh_calibration"]
    assert (task.queueing_lock, task.lock) == ("calibration", "calibration")
    periodic = {task.name for (_, _), it in app.periodic_registry.periodic_tasks.items()
                for task in [it.task]}  # fmt: skip
    assert "cases.refresh_calibration" in periodic
