"""A case that somebody has open: reserved for a while, taken over openly, never decided twice."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from cases import claims, review, worksheet
from cases.models import Case
from cases.waiting import next_waiting
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]


@pytest.fixture
def brenda(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def rita(db: None) -> User:
    return person("rita", "Revisores")


@pytest.fixture
def held(make_case: MakeCase, rita: User) -> Case:
    """A waiting case that Rita has open."""
    case = make_case()
    assert claims.claim(case, rita)
    return case


def run_out(case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(claimed_until=timezone.now())
    case.refresh_from_db()


def address(case: Case, name: str) -> str:
    return f"/admin/cases/case/{case.pk}/{name}/"


def kinds(case: Case) -> list[str]:
    return list(case.events.values_list("kind", flat=True))


def end(case: Case) -> datetime:
    """When the claim on it ends."""
    until = Case.objects.get(pk=case.pk).claimed_until
    assert until is not None
    return until


def holder(case: Case) -> User | None:
    return Case.objects.get(pk=case.pk).claimant


def test_opening_a_waiting_case_reserves_it_for_a_quarter_of_an_hour(
    make_case: MakeCase, brenda: User
) -> None:
    case = make_case()
    logged_in(brenda).get(address(case, "change"))
    case.refresh_from_db()
    assert case.claimant == brenda
    left = end(case) - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert kinds(case) == []


@pytest.mark.parametrize("state", ["received", "analyzing", "approved", "rejected"])
def test_only_cases_that_wait_are_reserved(make_case: MakeCase, brenda: User, state: str) -> None:
    decided = {"decided_by": brenda} if state in ("approved", "rejected") else {}
    reason = {"rejection_reason": "duplicate"} if state == "rejected" else {}
    case = make_case(state, **decided, **reason)
    assert not claims.claim(case, brenda)
    assert case.claimed_by is None


def test_readers_reserve_nothing(make_case: MakeCase) -> None:
    case, browser = make_case(), logged_in(person("lia", "Leitores"))
    page = browser.get(address(case, "change"))
    assert holder(case) is None
    assert "data-claim" not in page.content.decode()
    assert browser.get(address(case, "claim")).status_code == 403
    assert browser.post(address(case, "claim")).status_code == 403
    assert browser.post(address(case, "release")).status_code == 403


def test_the_others_see_by_whom_and_get_no_form(held: Case, brenda: User, rita: User) -> None:
    page = logged_in(brenda).get(address(held, "change")).content.decode()
    assert 'data-claim="taken"' in page
    assert "Rita" in page and claims.until_text(held) in page
    assert 'name="last_seen"' not in page and 'class="rx-bar"' not in page
    assert holder(held) == rita


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_exactly_one_has_it(make_case: MakeCase, brenda: User, rita: User) -> None:
    case = make_case()
    barrier, outcomes = threading.Barrier(2), []

    def open_it(user: User) -> None:
        barrier.wait()
        outcomes.append((claims.claim(Case.objects.get(pk=case.pk), user), user.pk))
        connection.close()

    threads = [threading.Thread(target=open_it, args=[user]) for user in (brenda, rita)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [pk for has_it, pk in outcomes if has_it]
    assert winners == [Case.objects.get().claimed_by_id]


def test_an_expired_claim_binds_nobody(held: Case, brenda: User) -> None:
    run_out(held)
    assert held.claimant is None
    review.add_finding(held, brenda)
    assert claims.claim(held, brenda)


def test_renewing_is_no_event_and_puts_the_end_off(held: Case, rita: User) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    Case.objects.update(claimed_until=soon)
    answer = logged_in(rita).post(address(held, "claim"))
    assert answer.json()["state"] == "yours"
    assert end(held) > soon + timedelta(minutes=10)
    assert kinds(held) == []


def test_asking_alone_renews_nothing(held: Case, brenda: User, rita: User) -> None:
    until = end(held)
    assert logged_in(rita).get(address(held, "claim")).json()["state"] == "yours"
    answer = logged_in(brenda).get(address(held, "claim")).json()
    assert (answer["state"], answer["who"], answer["holder"]) == ("taken", "Rita", rita.pk)
    assert end(held) == until


def test_leaving_lets_it_go_unless_the_claim_was_renewed_since(held: Case, rita: User) -> None:
    browser, earlier = logged_in(rita), end(held)
    claims.claim(held, rita)
    browser.post(address(held, "release"), {"until": earlier.isoformat()})
    assert holder(held) == rita
    browser.post(address(held, "release"), {"until": end(held).isoformat()})
    assert holder(held) is None
    assert browser.get(address(held, "claim")).json()["state"] == "free"


def test_nobody_lets_go_what_a_colleague_has(held: Case, brenda: User, rita: User) -> None:
    form = {"until": end(held).isoformat()}
    assert logged_in(brenda).post(address(held, "release"), form).status_code == 204
    assert holder(held) == rita


@pytest.mark.parametrize("until", ["", "yesterday", "2026-01-01T10:00:00"])
def test_a_goodbye_without_a_time_does_nothing(held: Case, rita: User, until: str) -> None:
    answer = logged_in(rita).post(address(held, "release"), {"until": until})
    assert answer.status_code == 204
    assert holder(held) == rita


def test_a_decision_and_a_postponement_end_the_claim(
    make_case: MakeCase, held: Case, rita: User
) -> None:
    review.reject(held, rita, reason="duplicate")
    other = make_case()
    claims.claim(other, rita)
    review.postpone(other, rita, until=timezone.now() + timedelta(hours=1))
    assert set(Case.objects.values_list("claimed_by", "claimed_until")) == {(None, None)}


def refused_acts(case: Case, user: User) -> list[Callable[[], Any]]:
    finding, sheet = case.findings.get(), worksheet.Sheet((), "", 0)
    return [
        lambda: review.set_verdict(finding, user, verdict="not_identifiable", implant=None),
        lambda: review.add_finding(case, user),
        lambda: review.remove_finding(finding, user),
        lambda: review.request_analysis(case, user),
        lambda: review.approve(case, user),
        lambda: review.reject(case, user, reason="duplicate"),
        lambda: review.postpone(case, user, until=timezone.now()),
        lambda: worksheet.save(case, user, sheet),
    ]


@pytest.mark.parametrize("number", range(8))
def test_nobody_else_changes_a_reserved_case(held: Case, brenda: User, number: int) -> None:
    act = refused_acts(held, brenda)[number]
    with pytest.raises(review.Claimed, match="Rita"):
        act()
    assert (Case.objects.get().state, kinds(held)) == ("pending", [])


@pytest.mark.parametrize("action", ["save", "approve", "reject", "postpone", "analyze"])
def test_what_a_colleague_sends_is_refused_and_stays_on_her_page(
    held: Case, brenda: User, action: str
) -> None:
    name = f"finding-{held.findings.get().pk}"
    form = {
        "last_seen": "0", "note": "Nota minha", f"{name}-verdict": "not_identifiable",
        f"{name}-tooth": "44", f"{name}-pick": "", f"{name}-note": "Ápice cortado",
        "rejection-reason": "duplicate", "postponement-delay": "hour",
    }  # fmt: skip
    answer = logged_in(brenda).post(address(held, action), form)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Nota minha" in page and "Ápice cortado" in page
    assert "Rita" in page and 'data-claim="taken"' in page
    assert kinds(held) == []


def test_taking_over_is_recorded_with_who_from_whom(held: Case, brenda: User, rita: User) -> None:
    browser = logged_in(brenda)
    answer = browser.post(address(held, "claim"), {"holder": rita.pk})
    assert answer.json()["state"] == "yours"
    event = held.events.get()
    assert (event.kind, event.actor, event.data) == ("claim_taken", brenda, {"holder": rita.pk})
    page = browser.get(address(held, "change")).content.decode()
    assert "Caso assumido" in page and "antes com Rita" in page
    assert logged_in(rita).get(address(held, "claim")).json()["who"] == "Brenda"
    with pytest.raises(review.Claimed, match="Brenda"):
        review.approve(held, rita)


def test_nobody_is_pushed_out_unseen(held: Case, brenda: User, rita: User) -> None:
    lia = person("lia", "Revisores")
    claims.take_over(held, lia, holder_id=rita.pk)
    answer = logged_in(brenda).post(address(held, "claim"), {"holder": rita.pk}).json()
    assert (answer["state"], answer["who"]) == ("taken", "Lia")
    assert holder(held) == lia


def test_taking_a_free_or_ones_own_case_is_no_event(held: Case, brenda: User, rita: User) -> None:
    assert claims.take_over(held, rita, holder_id=None)
    run_out(held)
    assert claims.take_over(held, brenda, holder_id=rita.pk)
    assert kinds(held) == []


def test_a_decided_case_is_not_taken_over(held: Case, brenda: User, rita: User) -> None:
    review.reject(held, rita, reason="duplicate")
    assert not claims.take_over(held, brenda, holder_id=rita.pk)
    answer = logged_in(brenda).post(address(held, "claim"), {"holder": rita.pk}).json()
    assert answer == {"state": "closed", "who": "Rita"}


def test_the_button_without_javascript_keeps_what_was_filled_in(
    held: Case, brenda: User, rita: User
) -> None:
    browser = logged_in(brenda)
    answer = browser.post(
        address(held, "take-over"), {"holder": rita.pk, "last_seen": "0", "note": "Nota minha"}
    )
    assert answer.status_code == 200
    assert "Nota minha" in answer.content.decode()
    assert holder(held) == brenda
    plain = browser.post(address(held, "take-over"), {"holder": rita.pk})
    assert plain["Location"] == address(held, "change")


def test_the_button_says_who_was_faster(held: Case, brenda: User, rita: User) -> None:
    claims.take_over(held, person("lia", "Revisores"), holder_id=rita.pk)
    answer = logged_in(brenda).post(address(held, "take-over"), {"holder": rita.pk})
    assert answer.status_code == 409
    assert "Lia" in answer.content.decode()


def test_the_next_case_is_one_that_nobody_else_has_open(
    make_case: MakeCase, held: Case, brenda: User, rita: User
) -> None:
    case, free = make_case(), make_case()
    claims.claim(free, brenda)
    assert next_waiting(case, brenda) == free
    assert next_waiting(free, brenda) == case
    assert next_waiting(case, rita) == held
    run_out(held)
    assert next_waiting(free, brenda) == held


def test_a_forged_form_takes_nothing_over(held: Case, brenda: User, rita: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(brenda)
    assert browser.post(address(held, "claim"), {"holder": rita.pk}).status_code == 403
    assert holder(held) == rita
