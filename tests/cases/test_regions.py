"""Implants marked on the film, and the search for one of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client

from cases import claims, finding_search, regions, review
from cases.finding_search import search_finding, search_states
from cases.models import Case, Finding, Search
from implants.models import Encoder
from implants.radiograph import clean_copy, open_radiograph
from tests.cases.conftest import jobs
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]
BOX = [0.25, 0.125, 0.5, 0.75]


@pytest.fixture
def brenda(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(brenda: User) -> Client:
    return logged_in(brenda)


@pytest.fixture
def case(make_case: MakeCase) -> Case:
    return make_case()


@pytest.fixture
def film_case(case: Case, catalogue: Encoder, reference_films: list[tuple[Any, bytes]]) -> Case:
    """A waiting case with a film that can be encoded."""
    copy = clean_copy(open_radiograph(reference_films[0][1]))
    case.images.get().file.save("film.png", ContentFile(copy))
    return case


def mark(browser: Client, case: Case, region: Any = BOX, **fields: Any) -> Any:
    sent = {"image": case.images.get().pk, "region": json.dumps(region), **fields}
    return browser.post(f"/admin/cases/case/{case.pk}/mark/", sent)


def move(browser: Client, finding: Finding, region: Any = BOX, **fields: Any) -> Any:
    image = finding.case.images.get().pk
    sent = {"image": image, "region": json.dumps(region) if region else "", **fields}
    return browser.post(f"/admin/cases/case/{finding.case_id}/findings/{finding.pk}/region/", sent)


def ask(browser: Client, finding: Finding) -> Any:
    return browser.get(f"/admin/cases/case/{finding.case_id}/findings/{finding.pk}/candidates/")


def kinds(case: Case) -> list[str]:
    return list(case.events.values_list("kind", flat=True))


def test_a_marked_implant_is_a_finding_that_is_searched_for(browser: Client, case: Case) -> None:
    answer = mark(browser, case)
    added = case.findings.last()
    assert added is not None
    assert (answer.status_code, answer.json()) == (201, {"finding": added.pk})
    assert (added.image, added.region) == (case.images.get(), BOX)
    assert [job["finding_id"] for job in jobs("cases.search_finding")] == [added.pk]
    assert jobs("cases.analyze_case") == []


def test_search_in_this_part_saves_it_and_searches_for_this_implant_alone(
    browser: Client, case: Case
) -> None:
    finding = case.findings.get()
    assert move(browser, finding).status_code == 202
    finding.refresh_from_db()
    assert (finding.image, finding.region) == (case.images.get(), BOX)
    assert [job["finding_id"] for job in jobs("cases.search_finding")] == [finding.pk]
    assert ask(browser, finding).json() == {"case": "pending", "is_searching": True}


def test_without_a_part_the_whole_film_counts_again(browser: Client, case: Case) -> None:
    finding = case.findings.get()
    move(browser, finding)
    assert move(browser, finding, None).status_code == 202
    finding.refresh_from_db()
    assert (finding.image, finding.region) == (None, None)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ([0.1, 0.1, 0.01, 0.5], "pequena"),
        ([0.6, 0.1, 0.5, 0.5], "fora"),
        ([-0.1, 0.1, 0.5, 0.5], "fora"),
        ([0.1, 0.1, 0.5], "quatro números"),
        ([0.1, 0.1, "0.5", 0.5], "quatro números"),
        ([0.1, 0.1, float("nan"), 0.5], "quatro números"),
        ({"x": 1}, "quatro números"),
    ],
)
def test_what_is_no_part_of_the_film_is_refused_in_words(
    browser: Client, case: Case, region: Any, words: str
) -> None:
    finding = case.findings.get()
    for answer in (mark(browser, case, region), move(browser, finding, region)):
        assert answer.status_code == 400
        assert words in answer.json()["message"]
    assert (case.findings.count(), kinds(case)) == (1, [])


@pytest.mark.parametrize("image", ["", "x", "999999", "9" * 30])
def test_a_film_of_another_case_is_refused(browser: Client, case: Case, image: str) -> None:
    for answer in (
        mark(browser, case, image=image),
        move(browser, case.findings.get(), image=image),
    ):
        assert answer.status_code == 400 and answer.json()["message"]
    assert case.findings.get().region is None


def test_broken_numbers_are_refused(browser: Client, case: Case) -> None:
    sent = {"image": case.images.get().pk, "region": "[0.1,"}
    assert browser.post(f"/admin/cases/case/{case.pk}/mark/", sent).status_code == 400


def test_a_case_holds_no_more_implants_than_a_mouth(browser: Client, case: Case) -> None:
    Finding.objects.bulk_create(Finding(case=case) for _ in range(regions.MAX_FINDINGS - 1))
    assert mark(browser, case).status_code == 400
    assert case.findings.count() == regions.MAX_FINDINGS


def test_a_colleague_marks_nothing_on_a_reserved_case(browser: Client, case: Case) -> None:
    claims.claim(case, person("rita", "Revisores"))
    for answer in (mark(browser, case), move(browser, case.findings.get())):
        assert answer.status_code == 409 and "Rita" in answer.json()["message"]
    assert (case.findings.count(), kinds(case)) == (1, [])


def test_readers_mark_and_ask_nothing(case: Case) -> None:
    reader, finding = logged_in(person("lia", "Leitores")), case.findings.get()
    for answer in (mark(reader, case), move(reader, finding), ask(reader, finding)):
        assert answer.status_code == 403


def test_the_search_for_one_leaves_the_others_as_they_are(browser: Client, film_case: Case) -> None:
    first = film_case.findings.get()
    search_finding(first.pk, is_last_attempt=True)
    mark(browser, film_case)
    second = film_case.findings.last()
    assert second is not None
    search_finding(second.pk, is_last_attempt=True)
    assert [search.region for search in first.searches.all()] == [None]
    assert [search.region for search in second.searches.all()] == [BOX]
    assert second.searches.get().results.count() == 3
    assert not search_states(film_case)[second.pk].is_searching
    html = ask(browser, second).json()["html"]
    assert "data-finding" in html and html.count('class="rx-card-radio"') == 3


def test_a_search_whose_worker_died_at_its_very_end_is_not_done_again(
    browser: Client, film_case: Case
) -> None:
    """It was written, and the queue was not told any more."""
    finding = film_case.findings.get()
    move(browser, finding)
    for repeated in (False, True):
        search_finding(finding.pk, is_last_attempt=True, is_repeated=repeated)
    assert finding.searches.count() == 1


def test_a_search_whose_worker_died_in_the_middle_is_done_again(
    browser: Client, film_case: Case
) -> None:
    finding = film_case.findings.get()
    move(browser, finding)
    search_finding(finding.pk, is_last_attempt=True, is_repeated=True)
    assert finding.searches.count() == 1


def test_the_earlier_search_stays_in_the_timeline_with_its_first_candidate(
    browser: Client, film_case: Case
) -> None:
    finding = film_case.findings.get()
    search_finding(finding.pk, is_last_attempt=True)
    move(browser, finding)
    search_finding(finding.pk, is_last_attempt=True)
    page = browser.get(f"/admin/cases/case/{film_case.pk}/change/").content.decode()
    for search in finding.searches.all():
        first = search.results.get(rank=1)
        place = "parte marcada" if search.region else "radiografia inteira"
        assert f"dente 44, {place}, primeiro: {first.implant}" in page


@pytest.mark.parametrize("change", ["decided", "removed", "moved"])
def test_what_changed_during_the_search_wins(
    browser: Client, film_case: Case, brenda: User, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(browser, film_case)
    finding = film_case.findings.last()
    assert finding is not None

    def meanwhile(*args: Any) -> Any:
        found = really_ask(*args)
        if change == "decided":
            review.reject(film_case, brenda, reason="duplicate")
        elif change == "removed":
            review.remove_finding(Finding.objects.get(pk=finding.pk), brenda)
        else:
            move(browser, finding, [0.5, 0.5, 0.25, 0.25])
        return found

    really_ask = finding_search.ask
    monkeypatch.setattr(finding_search, "ask", meanwhile)
    search_finding(finding.pk, is_last_attempt=True)
    assert not Search.objects.exists()
    assert "searched" not in kinds(film_case) and "search_failed" not in kinds(film_case)


def test_a_removed_implant_is_not_asked_for(browser: Client, case: Case, brenda: User) -> None:
    mark(browser, case)
    added = case.findings.last()
    assert added is not None
    pk = added.pk
    review.remove_finding(added, brenda)
    search_finding(pk, is_last_attempt=True)
    added.pk = pk
    assert ask(browser, added).status_code == 404


def test_a_search_that_fails_says_so_and_can_be_asked_for_again(
    browser: Client, case: Case, settings: Any
) -> None:
    finding = case.findings.get()
    move(browser, finding)
    case.images.update(state="deleted")
    search_finding(finding.pk, is_last_attempt=True)
    state = search_states(case)[finding.pk]
    assert (state.is_searching, state.problem) == (False, "no_usable_image")
    assert ask(browser, finding).json()["is_searching"] is False
    finding_search.give_up(finding.pk)
    assert search_states(case)[finding.pk].problem == "analysis_failed"


def test_a_fault_of_ours_is_tried_again_before_it_is_told(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = case.findings.get()

    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(finding_search, "ask", fail)
    with pytest.raises(RuntimeError):
        search_finding(finding.pk, is_last_attempt=False)
    assert kinds(case) == []
    search_finding(finding.pk, is_last_attempt=True)
    assert case.events.get().data["detail"] == "RuntimeError"


def test_an_analysis_ends_only_the_searches_that_were_asked_for_before_it(
    case: Case, brenda: User
) -> None:
    finding, image = case.findings.get(), case.images.get()
    case.events.create(kind="analysis_started")
    regions.set_region(finding, brenda, image_id=image.pk, region=BOX)
    case.events.create(kind="analyzed")
    assert search_states(case)[finding.pk].is_searching
    case.events.create(kind="analysis_started")
    case.events.create(kind="analyzed")
    assert not search_states(case)[finding.pk].is_searching
