"""How often first impressions were like suggestion and decision, and how often one moved."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cases.first_looks import FirstLooks, first_looks
from cases.models import Case, FirstImpression
from implants.models import Implant, Manufacturer
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db
Decide = Callable[..., FirstImpression]


@pytest.fixture
def brenda(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def decided(make_case: Callable[..., Case], brenda: User, implants: list[Implant]) -> Decide:
    """A decided case with an impression; implants by their place in the list, None for none."""

    def make(impression: int | None, suggested: int | None, chosen: int | None) -> FirstImpression:
        case = make_case("approved", decided_by=brenda)
        verdict = "not_in_catalogue" if chosen is None else "identified"
        implant = None if chosen is None else implants[chosen]
        case.findings.update(verdict=verdict, implant=implant)
        return FirstImpression.objects.create(
            finding=case.findings.get(),
            user=brenda,
            implant=None if impression is None else implants[impression],
            suggested=None if suggested is None else implants[suggested],
        )

    return make


def looks() -> FirstLooks:
    return first_looks(timezone.now() - timedelta(days=1))


def test_each_impression_is_compared_with_what_there_is(decided: Decide) -> None:
    decided(0, 0, 0)  # like both
    decided(0, 1, 0)  # she kept to hers
    decided(0, 1, 1)  # she moved to the suggestion
    decided(0, 1, 2)  # she moved, but to another
    decided(0, 1, None)  # no implant was decided
    decided(0, None, 0)  # nothing was suggested
    decided(None, 1, 1)  # she could not tell
    assert looks() == FirstLooks(
        noted=7, compared=5, like_suggestion=1, decided=5, like_decision=3, unlike=3, moved=1
    )


def test_a_manufacturer_is_like_every_implant_of_it(
    decided: Decide, implants: list[Implant]
) -> None:
    other = Implant.objects.create(
        manufacturer=Manufacturer.objects.create(name="Straumann"), name="BLX"
    )
    alone = {"implant": None, "manufacturer": implants[0].manufacturer}
    for suggested in (implants[1], other):
        row = decided(0, 1, 2)
        FirstImpression.objects.filter(pk=row.pk).update(**alone, suggested=suggested)
    assert looks() == FirstLooks(
        noted=2, compared=2, like_suggestion=1, decided=2, like_decision=2, unlike=1, moved=0
    )


def test_only_what_its_reviewer_decided_herself_and_lately_counts(decided: Decide) -> None:
    of_another, old, reopened = (decided(0, 0, 0) for _ in range(3))
    Case.objects.filter(pk=of_another.finding.case_id).update(decided_by=person("rita"))
    Case.objects.filter(pk=old.finding.case_id).update(
        decided_at=timezone.now() - timedelta(days=2)
    )
    Case.objects.filter(pk=reopened.finding.case_id).update(
        state="pending", decided_by=None, decided_at=None, decision_id=None
    )
    assert looks() == FirstLooks()


def test_the_page_tells_it_once_there_is_something(decided: Decide, brenda: User) -> None:
    browser = logged_in(brenda)
    assert "Primeiras impressões" not in browser.get("/admin/quality/").content.decode()
    decided(0, 1, 1)
    page = browser.get("/admin/quality/").content.decode()
    assert "Primeiras impressões" in page
    assert "de 1 decisão mudou de outra impressão para a sugestão" in page
