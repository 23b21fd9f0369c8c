"""What Brenda sees: the top 3 distinct implants over the latest searches that count."""

from collections.abc import Callable

import pytest

from cases.models import Case, CaseImage, Search
from implants.models import Implant
from tests.cases.conftest import candidates

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]
AddSearch = Callable[..., Search]


def names(case: Case) -> list[tuple[str, float]]:
    return [(c.implant.name, c.similarity) for c in candidates(case.findings.get())]


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
    add_search(finding, own, (implants[1], 0.5))
    finding.image, finding.region = own, [0.1, 0.1, 0.5, 0.5]
    finding.save()
    assert names(case) == [(implants[1].name, 0.5)]


def test_deleted_images_no_longer_count(
    make_case: MakeCase, add_search: AddSearch, implants: list[Implant]
) -> None:
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[0], 0.99))
    case.images.update(state="deleted")
    assert names(case) == []
