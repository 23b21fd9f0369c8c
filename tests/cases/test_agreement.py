"""How often the first suggestion was what the reviewers chose, as it stood when they decided."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cases import review
from cases.agreement import Reviewed, by_week, first_monday, reviewed
from cases.models import Case, CaseImage, Search
from implants.models import Implant

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]
AddSearch = Callable[..., Search]
LONG_AGO = datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC"))


@pytest.fixture
def decide(make_case: MakeCase, add_search: AddSearch, brenda: User) -> Callable[..., Case]:
    """An approved case whose only search found these (implant, similarity)."""

    def decided(verdict: str, chosen: Implant | None, *found: tuple[Implant, float]) -> Case:
        case = make_case()
        finding = case.findings.get()
        add_search(finding, case.images.get(), *found)
        review.set_verdict(finding, brenda, verdict=verdict, implant=chosen)
        return review.approve(case, brenda)

    return decided


def test_the_rank_of_the_chosen_implant_is_told(
    decide: Callable[..., Case], implants: list[Implant]
) -> None:
    a, b, c, d = implants
    found = ((a, 0.9), (b, 0.8), (c, 0.1))
    for verdict, chosen in (("identified", a), ("probable", c), ("identified", d)):
        decide(verdict, chosen, *found)
    decide("not_in_catalogue", None, *found)
    rows = reviewed(LONG_AGO)
    assert [(row.suggested_id, row.chosen_id, row.chosen_rank) for row in rows] == [
        (a.pk, a.pk, 1),
        (a.pk, c.pk, 3),
        (a.pk, d.pk, None),
        (a.pk, None, None),
    ]
    assert {row.similarity for row in rows} == {0.9}


def test_what_says_nothing_about_suggestions_is_left_out(
    decide: Callable[..., Case], make_case: MakeCase, implants: list[Implant], brenda: User
) -> None:
    decide("not_identifiable", None, (implants[0], 0.9))
    without_candidates = make_case()
    review.set_verdict(
        without_candidates.findings.get(), brenda, verdict="identified", implant=implants[0]
    )
    review.approve(without_candidates, brenda)
    reopened = decide("identified", implants[0], (implants[0], 0.9))
    review.reopen(reopened, brenda)
    assert reviewed(LONG_AGO) == []
    decide("identified", implants[0], (implants[0], 0.9))
    assert reviewed(timezone.now()) == []


def test_the_candidates_are_those_of_the_latest_search_before_the_decision(
    decide: Callable[..., Case], make_case: MakeCase, add_search: AddSearch,
    implants: list[Implant], brenda: User,
) -> None:  # fmt: skip
    a, b, c, _ = implants
    case = make_case()
    finding, image = case.findings.get(), case.images.get()
    add_search(finding, image, (a, 0.99))
    add_search(finding, image, (b, 0.5))
    other = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    add_search(finding, other, (c, 0.4), (b, 0.6))
    review.set_verdict(finding, brenda, verdict="identified", implant=c)
    review.approve(case, brenda)
    add_search(finding, image, (c, 1.0))
    case.images.update(state="deleted")
    (row,) = reviewed(LONG_AGO)
    assert (row.suggested_id, row.similarity, row.chosen_rank) == (b.pk, 0.6, 2)


def test_a_finding_with_a_region_counts_its_own_image_only(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant], brenda: User
) -> None:
    case = make_case()
    finding, own = case.findings.get(), case.images.get()
    other = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    add_search(finding, other, (implants[0], 0.99))
    finding.image, finding.region = own, [0.1, 0.1, 0.5, 0.5]
    finding.save()
    add_search(finding, own, (implants[1], 0.5))
    review.set_verdict(finding, brenda, verdict="identified", implant=implants[1])
    review.approve(case, brenda)
    (row,) = reviewed(LONG_AGO)
    assert (row.has_region, row.suggested_id, row.chosen_rank) == (True, implants[1].pk, 1)


def test_search_of_another_part_than_was_decided_on_says_nothing(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant], brenda: User
) -> None:
    case = make_case()
    finding, image = case.findings.get(), case.images.get()
    finding.image, finding.region = image, [0.1, 0.1, 0.5, 0.5]
    finding.save()
    add_search(finding, image, (implants[0], 0.9))
    finding.region = [0.6, 0.1, 0.3, 0.5]
    finding.save()
    review.set_verdict(finding, brenda, verdict="identified", implant=implants[1])
    review.approve(case, brenda)
    assert reviewed(LONG_AGO) == []


def _on(day: datetime, rank: int | None) -> Reviewed:
    return Reviewed(day, 1, False, 0.5, 1, 1, rank)


def test_weeks_are_counted_from_monday_to_sunday_of_the_service() -> None:
    monday = datetime.combine(first_monday(3), datetime.min.time(), timezone.get_current_timezone())
    instants: list[tuple[timedelta, Any]] = [
        (timedelta(seconds=-1), 1),
        (timedelta(0), 1),
        (timedelta(days=7, seconds=-1), 3),
        (timedelta(days=7), None),
    ]
    weeks = by_week([_on(monday + after, rank) for after, rank in instants], weeks=3)
    assert [(week.decided, week.first, week.among_three) for week in weeks] == [
        (2, 1, 2),
        (1, 0, 0),
        (0, 0, 0),
    ]
    assert [week.agreement for week in weeks] == [0.5, 0.0, None]
    assert weeks[0].starts == monday.date()
