"""Decisions by API: the same rules as in the admin, whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from cases import claims
from cases.idempotency import forget_old_keys
from cases.models import Case, CaseEvent, DecisionKey, Delivery, Finding
from implants.models import Implant
from tests.api.conftest import log_in
from tests.factories import ImplantFactory
from webhooks.models import JotformForm

pytestmark = pytest.mark.django_db


@pytest.fixture
def implant(db: None) -> Implant:
    return ImplantFactory.create()


@pytest.fixture
def case(db: None) -> Case:
    """A pending case with two findings, nothing said of either."""
    form = JotformForm.objects.create(form_id="24")
    case = Case.objects.create(form=form, submission_id=uuid4().hex, state="pending")
    for tooth in ("36", "46"):
        Finding.objects.create(case=case, tooth=tooth)
    return case


def verdicts(case: Case, *said: dict[str, Any]) -> dict[str, Any]:
    findings = case.findings.order_by("pk")
    return {"findings": [{"id": f.pk, **one} for f, one in zip(findings, said, strict=False)]}


def decide(client: APIClient, case: Case, action: str, body: Any = None) -> Any:
    return client.post(f"/cases/{case.pk}/{action}", body, format="json")


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_approve_with_verdicts_decides_the_case(
    as_brenda: APIClient, brenda: User, case: Case, implant: Implant
) -> None:
    body = verdicts(
        case,
        {"verdict": "identified", "implant_id": implant.pk, "note": "clear"},
        {"verdict": "not_identifiable"},
    )
    answer = decide(as_brenda, case, "approve", {**body, "note": "good film"})

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["decided_by"]) == ("approved", "Brenda")
    case.refresh_from_db()
    assert (case.state, case.decided_by, case.note) == ("approved", brenda, "good film")
    first, second = case.findings.order_by("pk")
    assert (first.verdict, first.implant, first.note) == ("identified", implant, "clear")
    assert (second.verdict, second.implant) == ("not_identifiable", None)
    assert Delivery.objects.get(case=case).decision_id == case.decision_id


def test_approve_without_a_body_takes_what_stands(as_brenda: APIClient, case: Case) -> None:
    case.findings.update(verdict="not_in_catalogue", note="seen in the admin")
    Case.objects.update(note="written in the admin")
    assert decide(as_brenda, case, "approve").status_code == 200
    case.refresh_from_db()
    assert (case.state, case.note) == ("approved", "written in the admin")


def test_note_that_is_left_out_stays(as_brenda: APIClient, case: Case) -> None:
    case.findings.update(note="seen in the admin")
    body = verdicts(
        case, {"verdict": "not_identifiable"}, {"verdict": "not_identifiable", "note": ""}
    )
    assert decide(as_brenda, case, "approve", body).status_code == 200
    assert [f.note for f in case.findings.order_by("pk")] == ["seen in the admin", ""]


def test_finding_without_a_verdict_leaves_nothing_half_saved(
    as_brenda: APIClient, case: Case, implant: Implant
) -> None:
    body = verdicts(case, {"verdict": "identified", "implant_id": implant.pk})
    assert refusal(decide(as_brenda, case, "approve", body)) == (400, "verdict_missing")
    assert_untouched(case)


@pytest.mark.parametrize(
    "second",
    [
        {"verdict": "identified"},
        {"verdict": "identified", "implant_id": 999_999},
        {"verdict": "not_identifiable", "implant_id": "the first one's"},
        {"verdict": "not_identifiable", "id": 999_999},
    ],
)
def test_verdict_that_makes_no_sense_leaves_nothing_half_saved(
    as_brenda: APIClient, case: Case, implant: Implant, second: dict[str, Any]
) -> None:
    if "implant_id" in second and second["implant_id"] != 999_999:
        second = {**second, "implant_id": implant.pk}
    body = verdicts(case, {"verdict": "probable", "implant_id": implant.pk}, second)
    assert refusal(decide(as_brenda, case, "approve", body)) == (400, "invalid_decision")
    assert_untouched(case)


def assert_untouched(case: Case) -> None:
    case.refresh_from_db()
    assert (case.state, case.decided_by) == ("pending", None)
    assert {(f.verdict, f.implant_id) for f in case.findings.all()} == {("", None)}
    assert not CaseEvent.objects.exists()
    assert not Delivery.objects.exists()


def test_finding_of_another_case_is_out_of_reach(
    as_brenda: APIClient, case: Case, implant: Implant
) -> None:
    other = Case.objects.create(form=case.form, submission_id="2", state="pending")
    finding = Finding.objects.create(case=other)
    body = {"findings": [{"id": finding.pk, "verdict": "not_identifiable"}]}
    assert refusal(decide(as_brenda, case, "approve", body)) == (400, "invalid_decision")
    finding.refresh_from_db()
    assert finding.verdict == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"findings": [{"id": 1, "verdict": "maybe"}]}, "findings"),
        ({"findings": [{"id": 1, "verdict": ""}]}, "findings"),
        ({"findings": [{"verdict": "identified"}]}, "findings"),
        ({"findings": [{"id": 10**30, "verdict": "identified"}]}, "findings"),
        ({"findings": "all"}, "findings"),
        ({"findings": [{"id": 1, "verdict": "not_identifiable"}] * 2}, "findings"),
        ({"note": ["x"]}, "note"),
        ({"note": "\0"}, "note"),
    ],
)
def test_approval_of_the_wrong_shape_is_refused(
    as_brenda: APIClient, case: Case, body: dict[str, Any], field: str
) -> None:
    answer = decide(as_brenda, case, "approve", body)
    assert refusal(answer) == (400, "invalid")
    assert list(answer.json()["error"]["details"]) == [field]


def test_second_reviewer_is_told_who_was_first(
    as_brenda: APIClient, case: Case, make_user: Any
) -> None:
    rita = log_in(make_user("rita", "Revisores", first_name="Rita"))
    body = verdicts(case, {"verdict": "not_identifiable"}, {"verdict": "not_identifiable"})
    assert decide(rita, case, "approve", body).status_code == 200
    for action, second in (("approve", body), ("reject", {"reason": "duplicate"})):
        answer = decide(as_brenda, case, action, second)
        assert refusal(answer) == (409, "conflict")
        assert "Rita" in answer.json()["error"]["message"]
        details = answer.json()["error"]["details"]
        assert (details["state"], details["decided_by"]) == ("approved", "Rita")
        assert details["decided_at"]
    case.refresh_from_db()
    assert case.decided_by is not None and case.decided_by.username == "rita"


def test_reject_needs_a_reason_from_the_list(as_brenda: APIClient, case: Case) -> None:
    for body in ({}, {"reason": ""}, {"reason": "bored"}):
        answer = decide(as_brenda, case, "reject", body)
        assert refusal(answer) == (400, "invalid")
        assert list(answer.json()["error"]["details"]) == ["reason"]
    assert refusal(decide(as_brenda, case, "reject", {"reason": "other"})) == (
        400,
        "invalid_decision",
    )
    assert_untouched(case)


def test_reject_decides_with_reason_and_text(
    as_brenda: APIClient, brenda: User, case: Case
) -> None:
    body = {"reason": "other", "text": "The film is cut off."}
    assert decide(as_brenda, case, "reject", body).json()["state"] == "rejected"
    case.refresh_from_db()
    assert (case.rejection_reason, case.rejection_text) == ("other", "The film is cut off.")
    assert case.decided_by == brenda


def test_reopen_takes_the_decision_back(as_brenda: APIClient, case: Case) -> None:
    assert refusal(decide(as_brenda, case, "reopen")) == (409, "conflict")
    decide(as_brenda, case, "reject", {"reason": "duplicate"})
    answer = decide(as_brenda, case, "reopen")
    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    case.refresh_from_db()
    assert (case.state, case.decided_by) == ("pending", None)
    assert Delivery.objects.get().state == "cancelled"


@pytest.mark.parametrize("action", ["approve", "reject", "reopen"])
def test_decision_on_an_unknown_case_is_not_found(as_brenda: APIClient, action: str) -> None:
    answer = as_brenda.post(f"/cases/999999/{action}", {"reason": "duplicate"}, format="json")
    assert refusal(answer) == (404, "not_found")


def test_approver_who_left_the_group_decides_no_more(
    as_brenda: APIClient, brenda: User, case: Case
) -> None:
    brenda.groups.clear()
    answer = decide(as_brenda, case, "reject", {"reason": "duplicate"})
    assert refusal(answer) == (403, "permission_denied")
    assert_untouched(case)


def test_decisions_on_a_case_that_somebody_has_open_are_refused(
    as_brenda: APIClient, case: Case, make_user: Any
) -> None:
    rita = make_user("rita", "Revisores", first_name="Rita")
    claims.claim(case, rita)
    body = verdicts(case, {"verdict": "not_identifiable"}, {"verdict": "not_identifiable"})
    for action, sent in (("approve", body), ("reject", {"reason": "duplicate"})):
        answer = decide(as_brenda, case, action, sent)
        assert refusal(answer) == (409, "conflict")
        error = answer.json()["error"]
        assert "Rita" in error["message"]
        assert (error["details"]["state"], error["details"]["claimed_by"]) == ("pending", "Rita")
        assert error["details"]["claimed_until"]
    assert decide(log_in(rita), case, "approve", body).status_code == 200


def with_key(client: APIClient, case: Case, action: str, key: str, body: Any = None) -> Any:
    return client.post(
        f"/cases/{case.pk}/{action}", body or {}, format="json", HTTP_IDEMPOTENCY_KEY=key
    )


REJECTION = {"reason": "new_film_needed", "text": ""}


def test_a_repeated_decision_is_taken_once(as_brenda: APIClient, case: Case) -> None:
    first = with_key(as_brenda, case, "reject", "k1", REJECTION)
    second = with_key(as_brenda, case, "reject", "k1", dict(reversed(REJECTION.items())))
    assert (first.status_code, second.status_code) == (200, 200)
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert second.json()["decision_id"] == first.json()["decision_id"]
    assert CaseEvent.objects.filter(case=case, kind="rejected").count() == 1


def test_a_repetition_changes_nothing_after_a_reopening(as_brenda: APIClient, case: Case) -> None:
    with_key(as_brenda, case, "reject", "k1", REJECTION)
    with_key(as_brenda, case, "reopen", "k2")
    assert with_key(as_brenda, case, "reject", "k1", REJECTION).json()["state"] == "pending"


def test_a_key_of_another_request_is_refused(as_brenda: APIClient, case: Case) -> None:
    with_key(as_brenda, case, "reject", "k1", REJECTION)
    for action, body in (("reject", {**REJECTION, "text": "other"}), ("reopen", {})):
        answer = with_key(as_brenda, case, action, "k1", body)
        assert refusal(answer) == (422, "idempotency_key_reused")
    case.refresh_from_db()
    assert case.state == "rejected"


def test_a_refused_decision_leaves_its_key_free(as_brenda: APIClient, case: Case) -> None:
    answer = with_key(as_brenda, case, "reject", "k1", {"reason": "other"})
    assert refusal(answer) == (400, "invalid_decision")
    assert with_key(as_brenda, case, "reject", "k1", REJECTION).status_code == 200


def test_keys_of_two_people_have_nothing_to_do_with_each_other(
    as_brenda: APIClient, make_user: Any, case: Case
) -> None:
    with_key(as_brenda, case, "reject", "k1", REJECTION)
    as_rita = log_in(make_user("rita", "Revisores"))
    assert refusal(with_key(as_rita, case, "reject", "k1", REJECTION)) == (409, "conflict")


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ação"])
def test_a_key_that_is_none_is_refused(as_brenda: APIClient, case: Case, key: str) -> None:
    answer = with_key(as_brenda, case, "reject", key, REJECTION)
    assert refusal(answer) == (400, "invalid_idempotency_key")


@pytest.mark.django_db(transaction=True)
def test_the_same_decision_at_the_same_moment_is_taken_once(
    as_brenda: APIClient, case: Case
) -> None:
    def send(_: int) -> Any:
        try:
            return with_key(as_brenda, case, "reject", "k1", REJECTION)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum("Idempotent-Replayed" in answer for answer in answers) == 3


def test_old_keys_are_forgotten(as_brenda: APIClient, case: Case) -> None:
    with_key(as_brenda, case, "reject", "k1", REJECTION)
    DecisionKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    with_key(as_brenda, case, "reopen", "k2")
    assert forget_old_keys() == 1
    assert DecisionKey.objects.get().key == "k2"
