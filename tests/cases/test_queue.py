"""The queue: its filters with their counts, the words of confidence, ages, and what is new."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cases import impressions, review
from cases.ages import Age, age_in_sql, age_of
from cases.candidates import shortlists_of
from cases.events import record
from cases.models import (
    Case,
    CaseEvent,
    CaseImage,
    Delivery,
    Finding,
    ReviewerPreferences,
    Search,
)
from implants.models import Implant
from tests.cases.conftest import shown_in_queue
from tests.people import logged_in, person
from webhooks.models import JotformForm

QUEUE = "/admin/cases/case/"
HOUR = timedelta(hours=1)
_LEAST_SURE_FIRST = ("out_of_catalogue", "uncalibrated", "low", "medium", "high")


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


def came(case: Case, ago: timedelta) -> Case:
    """Let the case have come that long ago."""
    Case.objects.filter(pk=case.pk).update(created_at=timezone.now() - ago)
    return case


def counts(browser: Client, query: str = "") -> dict[str, dict[str, int]]:
    """What the page says beside each link, by the filter's parameter and the link's text."""
    menus = browser.get(QUEUE + query).context["cl"].menus
    return {menu.parameter: {str(it.label): it.count for it in menu.links} for menu in menus}


@pytest.fixture
def varied(
    make_case: Callable[..., Case],
    add_search: Callable[..., Search],
    implants: list[Implant],
    reviewer: User,
) -> list[Case]:
    """Sixty cases of every kind, by two forms."""
    dice = random.Random(11)  # noqa: S311  # a test wants the same dice each time
    other = JotformForm.objects.create(form_id="25", title="Parceiros")
    cases = []
    for number in range(60):
        state = dice.choice(["pending"] * 4 + ["received", "approved", "rejected"])
        fields: dict[str, Any] = {"dentist_name": dice.choice(["Ana", "João"])}
        if state in ("approved", "rejected"):
            fields |= {"decided_by": reviewer, "changed_after_decision": dice.random() < 0.3}
        if state == "rejected":
            fields["rejection_reason"] = "duplicate"
        if dice.random() < 0.3:
            fields["form"] = other
        if dice.random() < 0.2:
            fields["postponed_until"] = timezone.now() + HOUR
        fields["problem"] = dice.choice(["", "", "", "no_image", "analysis_failed"])
        case = make_case(state, **fields)
        if dice.random() < 0.3:
            CaseImage.objects.create(
                case=case, url=f"u{number}", state="refused", refusal="too_large"
            )
        if dice.random() < 0.7:
            search = add_search(case.findings.get(), case.images.first(), (implants[0], 0.5))
            search.confidence = dice.choice(["high", "medium", "low", "out_of_catalogue", None])
            _say(search, search.confidence)
        if case.is_decided and dice.random() < 0.5:
            Delivery.objects.create(
                case=case,
                decision_id=case.decision_id,
                state=dice.choice(["failed", "sent"]),
                text="x",
            )
        cases.append(came(case, HOUR * dice.choice([1, 3, 5, 20, 30, 60, 80, 200])))
    return cases


def _say(search: Search, word: str | None) -> None:
    """The word as an analysis writes it: with the search, before its results."""
    results = list(search.results.all())
    search.results.all().delete()
    Search.objects.filter(pk=search.pk).update(confidence=word)
    type(results[0]).objects.bulk_create(results)


@pytest.mark.parametrize(
    "query",
    ["", "?show=all", "?show=all&confidence=high", "?age=3&confidence=none", "?problem=refused",
     "?show=approved&problem=undelivered", "?q=joao", "?q=joao&show=waiting&problem=no_image"],
)  # fmt: skip
def test_every_count_is_the_number_of_cases_behind_its_link(
    browser: Client, varied: list[Case], query: str
) -> None:
    page = browser.get(QUEUE + query).context["cl"]
    links = [link for menu in page.menus for link in menu.links]
    assert len(links) > 15 and sum(link.count > 0 for link in links) > 5
    for link in links:
        if not link.is_active:
            behind = browser.get(QUEUE + link.query).context["cl"].result_count
            assert behind == link.count, link


def test_a_chosen_link_leads_back(browser: Client, make_case: Callable[..., Case]) -> None:
    make_case()
    (active,) = [
        link
        for menu in browser.get(f"{QUEUE}?confidence=none&age=0").context["cl"].menus
        for link in menu.links
        if menu.parameter == "confidence" and link.is_active
    ]
    assert active.query == "?age=0"


def test_unknown_values_of_filters_show_what_waits(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    make_case("received")
    query = {"show": "x", "confidence": "'", "age": "-1", "problem": "0", "form": "x"}
    assert shown_in_queue(browser, query) == [case]


def test_filters_stay_while_one_searches_sorts_and_turns_pages(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    for _ in range(51):
        make_case()
    page = browser.get(f"{QUEUE}?age=0&confidence=none").content.decode()
    assert 'name="age" value="0"' in page and 'name="confidence" value="none"' in page
    assert "?age=0&amp;confidence=none&amp;p=2" in page
    assert "age=0&amp;confidence=none&amp;o=" in page


def test_the_only_form_is_no_filter(browser: Client, make_case: Callable[..., Case]) -> None:
    make_case()
    assert "form" not in counts(browser)


# Confidence


def test_the_word_of_a_case_is_always_that_of_its_candidates(
    make_case: Callable[..., Case],
    add_search: Callable[..., Search],
    implants: list[Implant],
    reviewer: User,
) -> None:
    """Whoever writes what, in whatever order: the database says what the page shows."""
    dice = random.Random(5)  # noqa: S311  # a test wants the same dice each time
    cases = [make_case() for _ in range(4)]
    seen = set()
    for step in range(150):
        case = dice.choice(cases)
        findings, images = list(case.findings.all()), list(case.images.all())
        finding, image = dice.choice(findings), dice.choice(images)
        match dice.randrange(7):
            case 0:
                Finding.objects.create(case=case)
            case 1 if len(findings) > 1:
                finding.delete()
            case 2:
                CaseImage.objects.create(case=case, url=f"u{step}", state="stored", file="x")
            case 3:
                image.state = dice.choice(["stored", "stored", "deleted"])
                image.save()
            case 4:
                finding.image, finding.region = dice.choice([(None, None), (image, [0, 0, 1, 1])])
                finding.save()
            case _:
                some = dice.sample(implants, 2)
                score = dice.choice([0.3, 0.5, 0.5, 0.7])
                search = add_search(finding, image, *[(it, score) for it in some])
                _say(search, dice.choice(["high", "medium", "low", "out_of_catalogue", None]))
        case.refresh_from_db()
        assert case.confidence == _expected(case), step
        seen.add(case.confidence)
    assert seen == {"", *_LEAST_SURE_FIRST}


def _expected(case: Case) -> str:
    shortlists = shortlists_of(case.findings.all()).values()
    words = {it.confidence or "uncalibrated" for it in shortlists if it.candidates}
    return next((word for word in _LEAST_SURE_FIRST if word in words), "")


# Ages


def test_ages_have_steps_and_late_is_said_in_words(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    cases = [came(make_case(), HOUR * hours) for hours in (3, 5, 25, 73)]

    page = browser.get(QUEUE).content.decode()

    assert [f"rx-age-{step}" in page for step in range(4)] == [True] * 4
    assert page.count("<small>atrasado</small>") == 2
    for step, case in enumerate(cases):
        assert shown_in_queue(browser, {"age": str(step)}) == [case]


def test_program_and_database_agree_on_ages(make_case: Callable[..., Case]) -> None:
    now = timezone.now()
    case = make_case()
    for minutes in (0, 239, 240, 241, 1439, 1441, 4319, 4320, 4321):
        since = now - timedelta(minutes=minutes)
        Case.objects.update(created_at=since)
        stored = Case.objects.annotate(age=age_in_sql("created_at", now)).get(pk=case.pk)
        assert Age(stored.age) == age_of(since, now), minutes


def test_a_decided_case_is_never_late(
    browser: Client, make_case: Callable[..., Case], reviewer: User
) -> None:
    came(make_case("approved", decided_by=reviewer), HOUR * 100)
    assert "atrasado" not in browser.get(f"{QUEUE}?show=approved").content.decode()


# Who has it open


def test_a_colleague_who_has_the_case_open_is_named_while_she_has(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    rita = person("rita", "Revisores")
    case = make_case()
    for holder, minutes, is_named in ((rita, 5, True), (rita, -1, False), (reviewer, 5, False)):
        until = timezone.now() + timedelta(minutes=minutes)
        Case.objects.filter(pk=case.pk).update(claimed_by=holder, claimed_until=until)
        assert ("aberto por" in browser.get(QUEUE).content.decode()) is is_named


# What is new


def news(browser: Client, since: int) -> int:
    answer = browser.get(f"{QUEUE}news/", {"since": since})
    assert answer.status_code == 200
    count: int = answer.json()["count"]
    return count


def test_new_cases_are_told_once_they_wait(browser: Client, make_case: Callable[..., Case]) -> None:
    known, coming = make_case(), make_case("analyzing")
    record(known, CaseEvent.Kind.ANALYZED)
    since = browser.get(QUEUE).context["cl"].last_event
    assert news(browser, since) == 0

    record(known, CaseEvent.Kind.ANALYZED)  # again: it was on the list already
    record(coming, CaseEvent.Kind.ANALYSIS_STARTED)
    assert news(browser, since) == 0

    Case.objects.filter(pk=coming.pk).update(state="pending")
    record(coming, CaseEvent.Kind.ANALYZED)
    assert news(browser, since) == 1
    answer = browser.get(f"{QUEUE}news/", {"since": since}).json()
    assert answer["text"] == "1 caso novo"


def test_cases_that_come_back_are_new(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    case = review.reject(make_case(), reviewer, reason="duplicate")
    since = browser.get(QUEUE).context["cl"].last_event
    review.reopen(case, reviewer)
    assert news(browser, since) == 1


@pytest.mark.parametrize("since", ["", "x", "-1", "9" * 30])
def test_news_needs_a_sensible_question(browser: Client, since: str) -> None:
    assert browser.get(f"{QUEUE}news/", {"since": since}).status_code == 400


def test_news_are_for_who_may_see_cases(db: None) -> None:
    address = f"{QUEUE}news/?since=1"
    assert logged_in(person("curadora", "Curadores")).get(address).status_code == 403
    assert Client().get(address).status_code == 302


# Looking first without suggestions


def test_suggestions_are_hidden_from_who_looks_first_until_she_has(
    browser: Client,
    reviewer: User,
    make_case: Callable[..., Case],
    add_search: Callable[..., Search],
    implants: list[Implant],
) -> None:
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[1], 0.5))
    assert "Grand Morse Helix" in browser.get(QUEUE).content.decode()

    ReviewerPreferences.objects.create(user=reviewer, sees_suggestions_later=True)
    page = browser.get(QUEUE).content.decode()
    assert "Grand Morse Helix" not in page and "depois da sua primeira impressão" in page

    impressions.note(case.findings.get(), reviewer)
    assert "Grand Morse Helix" in browser.get(QUEUE).content.decode()


def test_the_confidence_filter_tells_no_word_to_who_looks_first(
    browser: Client, reviewer: User, varied: list[Case]
) -> None:
    everything = counts(browser, "?show=all")
    assert "confidence" in everything
    ReviewerPreferences.objects.create(user=reviewer, sees_suggestions_later=True)

    blind = counts(browser, "?show=all&confidence=high")

    assert blind == {name: menu for name, menu in everything.items() if name != "confidence"}
    everyone = shown_in_queue(browser, {"show": "all"})
    assert shown_in_queue(browser, {"show": "all", "confidence": "high"}) == everyone


def test_a_list_that_the_address_narrows_further_says_its_own_length(
    browser: Client, varied: list[Case]
) -> None:
    case = varied[0]
    page = browser.get(f"{QUEUE}?show=all&submission_id={case.submission_id}").context["cl"]
    assert page.result_count == len(page.result_list) == 1
