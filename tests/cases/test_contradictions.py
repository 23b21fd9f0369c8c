"""What the catalogue has of a case that says something else by now."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from cases import merging, review
from cases.contradictions import contradicted
from cases.models import Case, Finding
from cases.promotion import Promotion, promote, subjects
from implants.models import Implant, ReferenceImage
from implants.moving import move_references
from implants.region import Region
from tests.cases.test_promotion import film_with_secrets
from tests.people import person

pytestmark = pytest.mark.usefixtures("media")
REGIONS = ([0.1, 0.1, 0.3, 0.6], [0.55, 0.1, 0.3, 0.6])


@pytest.fixture
def ana(db: None) -> User:
    return person("ana", "Revisores", "Curadores")


@pytest.fixture
def promoted(make_case: Callable[..., Case], implants: list[Implant], ana: User) -> Case:
    """Two implants on one film, both in the catalogue as the case says."""
    case = make_case("approved", decided_by=ana)
    image = case.images.get()
    image.file.save("x.png", ContentFile(film_with_secrets()))
    case.findings.update(verdict="identified", implant=implants[0], image=image, region=REGIONS[0])
    Finding.objects.create(
        case=case, tooth="45", image=image, region=REGIONS[1],
        verdict="identified", implant=implants[1],
    )  # fmt: skip
    for subject, region in zip(subjects(case), REGIONS, strict=True):
        promote(subject, Promotion(Region.from_list(region), has_consent=True), ana)
    assert ReferenceImage.objects.count() == 2
    return case


def told(case: Case) -> list[str]:
    case.refresh_from_db()
    return [str(reference.implant) for reference in contradicted(case)]


def say(case: Case, who: User, *implants: Implant) -> None:
    review.reopen(case, who)
    for finding, implant in zip(case.findings.all(), implants, strict=True):
        review.set_verdict(finding, who, verdict="identified", implant=implant)
    review.approve(case, who)


def test_what_stands_as_it_was_decided_is_not_told(promoted: Case, ana: User) -> None:
    assert told(promoted) == []
    review.reopen(promoted, ana)
    assert told(promoted) == []


def test_a_rejected_case_speaks_for_none_of_its_films(
    promoted: Case, ana: User, implants: list[Implant]
) -> None:
    review.reopen(promoted, ana)
    review.reject(promoted, ana, reason="not_an_implant")
    assert told(promoted) == [str(implants[0]), str(implants[1])]


def test_findings_that_were_mixed_up_are_told_both(
    promoted: Case, ana: User, implants: list[Implant]
) -> None:
    say(promoted, ana, implants[1], implants[0])
    assert told(promoted) == [str(implants[0]), str(implants[1])]


def test_a_finding_that_is_gone_or_not_sure_is_told(
    promoted: Case, ana: User, implants: list[Implant]
) -> None:
    review.reopen(promoted, ana)
    first, second = promoted.findings.all()
    review.set_verdict(first, ana, verdict="probable", implant=implants[0])
    review.remove_finding(second, ana)
    assert told(promoted) == [str(implants[0]), str(implants[1])]


def test_what_a_curator_moved_is_left_to_the_curator(
    promoted: Case, ana: User, implants: list[Implant]
) -> None:
    first = ReferenceImage.objects.order_by("pk")[0]
    move_references([first.pk], implants[2], ana)
    assert told(promoted) == []
    say(promoted, ana, implants[3], implants[1])
    assert told(promoted) == [str(implants[2])]


def test_merged_implants_are_the_one_that_stays(
    promoted: Case, ana: User, implants: list[Implant]
) -> None:
    stays, goes = implants[3], implants[0]
    merging.merge(stays.pk, goes.pk, merging.plan(stays, goes).mark, ana)
    assert told(promoted) == []
    move_references([ReferenceImage.objects.order_by("pk")[0].pk], implants[2], ana)
    assert told(promoted) == []
    say(promoted, ana, implants[2], implants[2])
    assert told(promoted) == [str(implants[1])]


def test_what_a_curator_moved_for_a_decision_that_was_taken_back_is_told(
    promoted: Case, ana: User, implants: list[Implant]
) -> None:
    first = ReferenceImage.objects.order_by("pk")[0]
    say(promoted, ana, implants[3], implants[1])
    assert told(promoted) == [str(implants[0])]
    move_references([first.pk], implants[3], ana)
    assert told(promoted) == []
    say(promoted, ana, implants[0], implants[1])
    assert told(promoted) == [str(implants[3])]


def test_a_rejection_that_was_taken_back_is_no_reason_to_believe_an_earlier_word(
    promoted: Case, ana: User, implants: list[Implant]
) -> None:
    review.reopen(promoted, ana)
    review.reject(promoted, ana, reason="not_an_implant")
    first = ReferenceImage.objects.order_by("pk")[0]
    move_references([first.pk], implants[3], ana)
    review.reopen(promoted, ana)
    assert told(promoted) == [str(implants[3])]
