"""What Brenda sees: the top 3 distinct implants over the latest searches that count."""

from collections.abc import Callable
from typing import Any

import pytest

from cases.candidates import Shortlist, concerns_by_image, shortlists_of
from cases.models import Case, CaseImage, Finding, Search
from implants.doubt import Concern, Confidence
from implants.models import Implant
from tests.cases.conftest import candidates

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]
AddSearch = Callable[..., Search]


def names(case: Case) -> list[tuple[str, float]]:
    return [(c.implant.name, c.similarity) for c in candidates(case.findings.get())]


def shortlist(finding: Finding) -> Shortlist:
    return shortlists_of([finding])[finding.pk]


def judged(search: Search, confidence: str | None, observations: int, *concerns: str) -> None:
    Search.objects.filter(pk=search.pk).update(
        confidence=confidence, observations=observations, concerns=list(concerns)
    )


def test_candidates_are_three_distinct_implants_over_all_images(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    finding, first = case.findings.get(), case.images.get()
    second = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    a, b, c, d = implants
    add_search(finding, first, (a, 0.9), (b, 0.8), (c, 0.1))
    add_search(finding, second, (b, 0.95), (a, 0.5), (d, 0.4))
    assert names(case) == [(b.name, 0.95), (a.name, 0.9), (d.name, 0.4)]
    assert [c.rank for c in candidates(finding)] == [1, 2, 3]


def test_only_the_latest_search_of_an_image_counts(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[0], 0.99))
    add_search(case.findings.get(), case.images.get(), (implants[1], 0.5))
    assert names(case) == [(implants[1].name, 0.5)]


def test_a_finding_with_a_region_counts_its_own_image_only(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    finding, own = case.findings.get(), case.images.get()
    other = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    add_search(finding, other, (implants[0], 0.99))
    finding.image, finding.region = own, [0.1, 0.1, 0.5, 0.5]
    finding.save()
    add_search(finding, own, (implants[1], 0.5))
    assert names(case) == [(implants[1].name, 0.5)]


def test_search_of_another_part_than_is_marked_does_not_count(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    finding, image = case.findings.get(), case.images.get()
    add_search(finding, image, (implants[0], 0.9))
    finding.image, finding.region = image, [0.1, 0.1, 0.3, 0.5]
    finding.save()
    assert names(case) == [], "the whole film was searched only"
    add_search(finding, image, (implants[1], 0.8))
    assert names(case) == [(implants[1].name, 0.8)]
    finding.region = [0.6, 0.1, 0.3, 0.5]
    finding.save()
    assert names(case) == [], "another implant lies there"
    finding.image = finding.region = None
    finding.save()
    assert names(case) == [(implants[0].name, 0.9)]


def test_deleted_images_no_longer_count(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[0], 0.99))
    case.images.update(state="deleted")
    assert names(case) == []


def test_word_and_observations_are_those_of_the_search_that_gave_the_first_candidate(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    finding, image = case.findings.get(), case.images.get()
    other = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    judged(add_search(finding, image, (implants[0], 0.5), (implants[1], 0.4)), "high", 7)
    judged(add_search(finding, other, (implants[2], 0.9), (implants[0], 0.3)), "low", 148)

    found = shortlist(finding)

    assert (found.confidence, found.observations) == (Confidence.LOW, 148)
    assert found.image_id == other.pk
    assert [candidate.confidence for candidate in found.candidates] == ["low", None, None]


def test_word_of_an_earlier_search_is_forgotten(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    finding, image = case.findings.get(), case.images.get()
    judged(add_search(finding, image, (implants[0], 0.9)), "high", 99, "document")
    judged(add_search(finding, image, (implants[0], 0.5)), None, 3)

    found = shortlist(finding)

    assert (found.confidence, found.observations, found.concerns) == (None, 3, {})


def test_concerns_stay_with_their_image(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    finding, image = case.findings.get(), case.images.get()
    other = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    judged(add_search(finding, image, (implants[0], 0.9)), "medium", 50)
    judged(add_search(finding, other, (implants[1], 0.5)), "low", 50, "no_implant", "photograph")

    found = shortlist(finding)

    assert found.concerns == {other.pk: [Concern.NO_IMPLANT, Concern.PHOTOGRAPH]}
    assert concerns_by_image([found, found]) == {other.pk: [Concern.PHOTOGRAPH, Concern.NO_IMPLANT]}


@pytest.mark.parametrize(
    ("confidence", "concerns", "doubtful"),
    [
        ("low", [], False),
        (None, [], False),
        ("out_of_catalogue", [], True),
        (None, ["document"], True),
    ],
)
def test_candidates_are_doubtful_out_of_the_catalogue_or_when_their_image_is(
    make_case: MakeCase,
    add_search: AddSearch,
    implants: list[Implant],
    confidence: str | None,
    concerns: list[str],
    doubtful: bool,
) -> None:
    case = make_case()
    finding = case.findings.get()
    judged(add_search(finding, case.images.get(), (implants[0], 0.9)), confidence, 9, *concerns)
    assert shortlist(finding).is_doubtful is doubtful


def test_concern_about_another_image_leaves_the_candidates_alone(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    finding, image = case.findings.get(), case.images.get()
    other = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    add_search(finding, image, (implants[0], 0.9))
    judged(add_search(finding, other, (implants[1], 0.2)), None, 0, "document")
    assert not shortlist(finding).is_doubtful


def test_shortlists_take_one_query_however_many_findings(
    make_case: MakeCase,
    add_search: AddSearch,
    implants: list[Implant],
    django_assert_num_queries: Callable[..., Any],
) -> None:
    cases = [make_case() for _ in range(4)]
    for case in cases:
        add_search(case.findings.get(), case.images.get(), (implants[0], 0.9), (implants[1], 0.8))
    findings = list(Finding.objects.all())
    with django_assert_num_queries(1):
        found = shortlists_of(findings)
        assert {str(row.candidates[0].implant) for row in found.values()} == {str(implants[0])}


def test_finding_that_was_never_searched_has_an_empty_shortlist(make_case: MakeCase) -> None:
    assert shortlist(make_case().findings.get()) == Shortlist([], None, 0, None, {})
