"""Many cases at once: asked on a page of its own, done by one call of a service per case."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from cases import review
from cases.admin import bulk
from cases.models import Case, CaseEvent
from tests.cases.conftest import jobs
from tests.people import logged_in, person

QUEUE = "/admin/cases/case/"


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


def send(
    browser: Client,
    action: str,
    cases: list[Case],
    *,
    confirmed: bool = False,
    query: str = "",
    **more: str,
) -> list[str]:
    """Press a button of the list, or of the page that asks; what the next page tells."""
    data = {"action": action, "index": "0", "_selected_action": [case.pk for case in cases], **more}
    if confirmed:
        data["confirmed"] = "yes"
    answer = browser.post(QUEUE + query, data)
    assert answer.status_code == (302 if confirmed else 200)
    if confirmed:
        return [str(message) for message in get_messages(answer.wsgi_request)]
    return [answer.content.decode()]


def decided(make_case: Callable[..., Case], reviewer: User) -> Case:
    return review.reject(make_case(), reviewer, reason="duplicate")


def test_analysing_again_asks_first_and_says_who_is_left_out(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    cases = [make_case(), make_case(), make_case("analyzing"), decided(make_case, reviewer)]

    (page,) = send(browser, "analyze_again", cases, query="?show=all")

    assert "Analisar 2 casos novamente?" in page
    assert "já em análise" in page.lower() and "reabra antes" in page
    assert [f'value="{case.pk}"' in page for case in cases] == [True, True, False, False]
    assert jobs("cases.analyze_case") == []


def test_analysing_again_asks_for_each_case_once_and_tells_it(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    cases = [make_case(), make_case()]

    told = send(browser, "analyze_again", cases, confirmed=True)

    assert sorted(job["case_id"] for job in jobs("cases.analyze_case")) == [it.pk for it in cases]
    asked = CaseEvent.objects.filter(kind="analysis_requested", actor=reviewer)
    assert sorted(asked.values_list("case", flat=True)) == [case.pk for case in cases]
    assert told == ["2 casos estão sendo analisados novamente."]


def test_reopening_says_whose_answer_may_have_been_read(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    sent, fresh, waiting = decided(make_case, reviewer), decided(make_case, reviewer), make_case()
    sent.deliveries.update(state="sent", started_at=timezone.now())

    (page,) = send(browser, "reopen", [sent, fresh, waiting], query="?show=all")
    assert "Reabrir 2 casos?" in page and "ainda não decidido" in page.lower()
    assert "A resposta de um deles pode já ter sido lida" in page

    told = send(browser, "reopen", [sent, fresh], confirmed=True)
    assert told == ["2 casos estão abertos de novo."]
    assert set(Case.objects.values_list("state", flat=True)) == {"pending"}
    assert fresh.deliveries.get().state == "cancelled" and sent.deliveries.get().state == "sent"


def test_a_case_that_a_colleague_took_meanwhile_is_told_and_stops_nothing(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    cases = [make_case(), make_case(), make_case()]
    rita = person("rita", "Revisores")
    review.reject(cases[0], rita, reason="duplicate")
    until = timezone.now() + timedelta(minutes=5)
    Case.objects.filter(pk=cases[1].pk).update(claimed_by=rita, claimed_until=until)

    told = send(browser, "analyze_again", cases, confirmed=True)

    assert [job["case_id"] for job in jobs("cases.analyze_case")] == [cases[2].pk]
    assert told[0] == "1 caso está sendo analisado novamente." and len(told) == 3
    assert f"#{cases[0].pk}" in told[1] and "Rita" in told[1]
    assert f"#{cases[1].pk}" in told[2] and "Rita" in told[2]


def test_a_case_that_a_colleague_has_open_is_left_out(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case, held = make_case(), make_case()
    until = timezone.now() + timedelta(minutes=5)
    rita = person("rita", "Revisores")
    Case.objects.filter(pk=held.pk).update(claimed_by=rita, claimed_until=until)

    (page,) = send(browser, "analyze_again", [case, held])

    assert "Analisar 1 caso novamente?" in page and "Um colega" in page
    assert f'value="{held.pk}"' not in page


def test_the_whole_list_is_done_in_parts_and_the_page_says_so(
    browser: Client, make_case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    cases = [make_case() for _ in range(5)]

    (page,) = send(browser, "analyze_again", cases[:1], select_across="1")
    assert "Analisar 2 casos novamente?" in page and "Outros 3 ficam" in page

    send(browser, "analyze_again", cases, confirmed=True)
    assert len(jobs("cases.analyze_case")) == 2


def test_nothing_to_do_offers_nothing_to_confirm(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    (page,) = send(browser, "reopen", [make_case()])
    assert "Nada vai acontecer" in page and 'name="confirmed"' not in page


def test_who_may_not_decide_is_offered_nothing_and_can_do_nothing(
    make_case: Callable[..., Case],
) -> None:
    case = make_case()
    reader = logged_in(person("leitora", "Leitores"))

    assert "analyze_again" not in reader.get(QUEUE).content.decode()
    data = {
        "action": "analyze_again",
        "index": "0",
        "_selected_action": case.pk,
        "confirmed": "yes",
    }
    reader.post(QUEUE, data)
    assert jobs("cases.analyze_case") == []


def test_a_get_changes_nothing(browser: Client, make_case: Callable[..., Case]) -> None:
    case = make_case()
    data = {
        "action": "analyze_again",
        "index": "0",
        "_selected_action": str(case.pk),
        "confirmed": "yes",
    }
    browser.get(QUEUE, data)
    assert jobs("cases.analyze_case") == []
