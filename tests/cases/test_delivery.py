"""Answers reach Jotform once, late rather than never, and every outcome is written down."""

import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.utils import timezone

from cases import answers, delivery, intake, review
from cases.models import Case, Delivery
from cases.waiting import waiting_cases
from implants.models import Implant
from tests.cases.conftest import jobs
from tests.sandbox.process import SandboxProcess
from webhooks.client import JotformClient
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db
Decide = Callable[..., Case]


@pytest.fixture
def pending(
    make_case: Callable[..., Case], sandbox: SandboxProcess, sandbox_form: JotformForm
) -> Case:
    """A pending case of a submission that the sandbox knows."""
    sent = sandbox.submit({"dente": "44"}, files={"a.png": b"x"}, webhook=False)
    return make_case(form=sandbox_form, submission_id=sent["id"])


@pytest.fixture
def decide(pending: Case, brenda: User, implants: list[Implant]) -> Decide:
    """Approve the pending case with an implant."""

    def approve(implant: Implant = implants[0]) -> Case:
        review.set_verdict(pending.findings.get(), brenda, verdict="identified", implant=implant)
        return review.approve(pending, brenda)

    return approve


def deliver(case: Case) -> None:
    delivery.deliver(case.pk, case.decision_id)


def answer_in(sandbox: SandboxProcess, case: Case) -> str:
    return str(sandbox.submission(case.submission_id)["result"] or "")


def writes(sandbox: SandboxProcess) -> int:
    return len([row for row in sandbox.requests() if row["method"] == "POST"])


def last_event(case: Case) -> str:
    return list(case.events.values_list("kind", flat=True))[-1]


def rows(case: Case) -> list[tuple[int, str, str]]:
    return list(case.deliveries.values_list("attempt", "state", "reason"))


def test_deliver_writes_the_answer(sandbox: SandboxProcess, decide: Decide) -> None:
    case = decide()
    deliver(case)
    row = case.deliveries.get()
    assert answer_in(sandbox, case) == row.text
    assert "Neodent Drive CM" in row.text
    assert (row.state, row.status_code) == ("sent", 200)
    assert row.duration_ms is not None
    assert last_event(case) == "delivery_sent"


def test_deliver_waits_for_the_grace(decide: Decide, settings: Any) -> None:
    settings.DELIVERY_GRACE_SECONDS = 77
    case = decide()
    wait = case.deliveries.get().due_at - timezone.now()
    assert timedelta(seconds=70) < wait < timedelta(seconds=78)


def test_deliver_twice_writes_once(sandbox: SandboxProcess, decide: Decide) -> None:
    case = decide()
    deliver(case)
    deliver(case)
    assert writes(sandbox) == 1
    assert rows(case) == [(1, "sent", "")]


def test_deliver_after_a_crash_reads_before_it_writes(
    sandbox: SandboxProcess, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died after Jotform had stored the answer and before the row said so."""
    case = decide()

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(delivery, "_note", die)
        deliver(case)
    assert rows(case) == [(1, "queued", "")]
    deliver(case)
    assert rows(case) == [(1, "sent", "")]
    assert writes(sandbox) == 1


def test_deliver_after_a_crash_before_the_write_writes(
    sandbox: SandboxProcess, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = decide()

    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(JotformClient, "update_answer", die)
        deliver(case)
    deliver(case)
    assert answer_in(sandbox, case) == case.deliveries.get().text


def test_jotform_down_then_up(sandbox: SandboxProcess, decide: Decide, settings: Any) -> None:
    settings.DELIVERY_RETRY_SECONDS = 5
    case = decide()
    sandbox.set(fail_next=1, fail_status=503)
    deliver(case)
    assert rows(case) == [(1, "retrying", "unreachable"), (2, "queued", "")]
    second = case.deliveries.get(attempt=2)
    assert second.due_at > timezone.now() + timedelta(seconds=3)
    assert len(jobs("cases.deliver")) == 2
    deliver(case)
    assert rows(case)[-1] == (2, "sent", "")
    assert answer_in(sandbox, case) == second.text


def test_an_answer_that_came_through_before_the_time_out_is_not_written_again(
    sandbox: SandboxProcess, decide: Decide
) -> None:
    case = decide()
    sandbox.set(hang_after_write="drop")
    deliver(case)
    sandbox.set(hang_after_write="off")
    deliver(case)
    assert rows(case) == [(1, "retrying", "unreachable"), (2, "sent", "")]
    assert writes(sandbox) == 1


def test_deliver_gives_up_visibly(sandbox: SandboxProcess, decide: Decide) -> None:
    case = decide()
    sandbox.set(fail_next=1000, fail_status=500)
    for _ in range(delivery.MAX_ATTEMPTS + 2):
        deliver(case)
    assert rows(case)[-1] == (delivery.MAX_ATTEMPTS, "failed", "unreachable")
    assert case.deliveries.count() == delivery.MAX_ATTEMPTS


def test_send_again_after_a_failure(
    sandbox: SandboxProcess, decide: Decide, brenda: User, settings: Any
) -> None:
    case, key = decide(), settings.JOTFORM_API_KEY
    settings.JOTFORM_API_KEY = secrets.token_hex(16)
    deliver(case)
    assert rows(case) == [(1, "failed", "unauthorized")]
    settings.JOTFORM_API_KEY = key
    delivery.send_again(case, brenda)
    deliver(case)
    assert rows(case)[-1] == (1, "sent", "")
    assert not answer_in(sandbox, case).startswith("COR")


def test_only_the_answer_that_was_decided_is_sent_again(
    decide: Decide, brenda: User, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = secrets.token_hex(16)
    case = decide()
    deliver(case)
    case.findings.update(tooth="36")  # nobody has approved this
    with pytest.raises(answers.Outdated):
        delivery.send_again(case, brenda)
    case.findings.update(tooth="44")
    assert delivery.send_again(case, brenda)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda settings, form: setattr(settings, "JOTFORM_API_KEY", ""), "no_api_key"),
        (lambda settings, form: JotformForm.objects.update(qid_result=""), "no_result_question"),
    ],
)
def test_deliver_says_what_is_not_configured(
    decide: Decide, settings: Any, prepare: Callable[..., None], reason: str
) -> None:
    case = decide()
    prepare(settings, case.form)
    deliver(case)
    assert rows(case) == [(1, "failed", reason)]


def test_a_read_only_key_is_told_apart(sandbox: SandboxProcess, decide: Decide) -> None:
    case = decide()
    sandbox.set(read_only_key=True)
    deliver(case)
    assert rows(case) == [(1, "failed", "read_only_key")]


def test_the_quota_is_waited_for(sandbox: SandboxProcess, decide: Decide) -> None:
    case = decide()
    sandbox.set(quota_left=0)
    deliver(case)
    assert rows(case) == [(1, "waiting", "quota")]
    row = case.deliveries.get()
    assert row.due_at > timezone.now()
    assert delivery.resume_due() == 0
    sandbox.set(quota_left=100)
    Delivery.objects.update(due_at=timezone.now())
    assert delivery.resume_due() == 1
    deliver(case)
    assert rows(case) == [(1, "sent", "")]


def test_a_correction_that_waits_for_the_quota_says_so_once(
    sandbox: SandboxProcess, decide: Decide, brenda: User, implants: list[Implant]
) -> None:
    deliver(decide())
    corrected = review.approve(review.reopen(Case.objects.get(), brenda), brenda)
    for _ in range(3):
        sandbox.set(quota_left=0)
        deliver(corrected)
        sandbox.set(quota_left=100)
        Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
        assert delivery.resume_due() == 1
    deliver(corrected)
    assert answer_in(sandbox, corrected).count("CORREÇÃO") == 1


def test_nothing_is_written_where_the_text_was_deleted(
    sandbox: SandboxProcess, decide: Decide, brenda: User
) -> None:
    deliver(decide())
    stands = answer_in(sandbox, Case.objects.get())
    case = review.approve(review.reopen(Case.objects.get(), brenda), brenda)
    case.deliveries.filter(state="queued").update(text="")
    deliver(case)
    assert rows(case)[-1] == (1, "failed", "our_fault")
    assert answer_in(sandbox, case) == stands != ""


def test_a_paused_form_keeps_its_answers_until_released(
    sandbox: SandboxProcess, decide: Decide
) -> None:
    case = decide()
    JotformForm.objects.update(deliveries_paused=True)
    deliver(case)
    assert rows(case) == [(1, "waiting", "paused")]
    assert delivery.resume_due() == 0
    JotformForm.objects.update(deliveries_paused=False)
    assert delivery.resume_due() == 1
    assert jobs("cases.deliver")[-1]["case_id"] == case.pk
    deliver(case)
    assert rows(case) == [(1, "sent", "")]


def test_a_delivery_that_lost_its_job_is_found(decide: Decide) -> None:
    case = decide()
    assert delivery.resume_due() == 0
    Delivery.objects.update(due_at=timezone.now() - timedelta(minutes=6))
    assert delivery.resume_due() == 1
    assert jobs("cases.deliver")[-1]["case_id"] == case.pk


def test_a_correction_says_so(
    sandbox: SandboxProcess, decide: Decide, brenda: User, implants: list[Implant]
) -> None:
    case = decide()
    deliver(case)
    review.reopen(case, brenda)
    corrected = decide(implants[1])
    deliver(corrected)
    text = answer_in(sandbox, case)
    assert text.startswith(("CORRE", "Corre"))
    assert "Grand Morse Helix" in text
    assert "Drive CM" not in text


def test_an_answer_undone_within_the_grace_leaves_no_correction(
    sandbox: SandboxProcess, decide: Decide, brenda: User, implants: list[Implant]
) -> None:
    case = decide()
    review.reopen(case, brenda)
    deliver(case)
    assert answer_in(sandbox, case) == ""
    deliver(decide(implants[1]))
    assert not answer_in(sandbox, case).startswith(("CORRE", "Corre"))


def test_an_undo_at_the_last_moment_is_not_overtaken(
    sandbox: SandboxProcess, decide: Decide, brenda: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has read the row; the reviewer takes the decision back before it begins."""
    case, begin = decide(), delivery._begin

    def undo_first(row: Delivery) -> bool:
        review.reopen(case, brenda)
        return begin(row)

    monkeypatch.setattr(delivery, "_begin", undo_first)
    deliver(case)
    assert writes(sandbox) == 0
    assert rows(case) == [(1, "cancelled", "undone")]


def test_what_was_certainly_not_written_needs_no_correction(
    sandbox: SandboxProcess, decide: Decide, brenda: User, implants: list[Implant]
) -> None:
    case = decide()
    sandbox.set(quota_left=0)
    deliver(case)
    review.reopen(case, brenda)
    assert rows(case) == [(1, "cancelled", "undone")]
    sandbox.set(quota_left=100)
    deliver(decide(implants[1]))
    assert not answer_in(sandbox, case).startswith(("CORRE", "Corre"))


def test_a_fault_of_ours_is_bounded_and_visible(
    sandbox: SandboxProcess, decide: Decide, settings: Any
) -> None:
    settings.JOTFORM_API_URL = "api.jotform.com"
    case = decide()
    for _ in range(delivery.MAX_ATTEMPTS + 2):
        deliver(case)
    assert rows(case)[-1] == (delivery.MAX_ATTEMPTS, "failed", "our_fault")


def test_an_answer_that_failed_for_good_waits_for_the_reviewers(
    decide: Decide, brenda: User, settings: Any
) -> None:
    case, key = decide(), settings.JOTFORM_API_KEY
    assert not waiting_cases().exists()
    settings.JOTFORM_API_KEY = ""
    deliver(case)
    assert list(waiting_cases()) == [case]
    settings.JOTFORM_API_KEY = key
    assert delivery.send_again(case, brenda)
    assert not waiting_cases().exists()
    assert delivery.send_again(case, brenda) is None
    deliver(case)
    assert delivery.send_again(case, brenda) is None


def test_an_old_decision_is_not_written_over_a_new_one(
    sandbox: SandboxProcess, decide: Decide, brenda: User, implants: list[Implant]
) -> None:
    """The first answer was begun, its worker died, and the case was decided anew meanwhile."""
    old = decide()
    old_decision = UUID(str(old.decision_id))
    Delivery.objects.update(started_at=timezone.now())
    review.reopen(old, brenda)
    new = decide(implants[1])
    deliver(new)
    delivery.deliver(old.pk, old_decision)
    assert old.deliveries.get(decision_id=old_decision).state == "cancelled"
    assert "Grand Morse Helix" in answer_in(sandbox, new)
    assert answer_in(sandbox, new).startswith(("CORRE", "Corre"))


def test_a_direct_case_sends_nothing_and_says_so(
    make_case: Callable[..., Case], brenda: User
) -> None:
    case = make_case(is_direct=True, submission_id="direct-abc")
    review.reject(case, brenda, reason="not_an_implant")
    assert not Delivery.objects.exists()
    assert last_event(case) == "nothing_to_deliver"
    assert delivery.send_again(Case.objects.get(), brenda) is None


def test_the_notice_of_receipt_never_covers_an_answer(
    sandbox: SandboxProcess, decide: Decide
) -> None:
    JotformForm.objects.update(sends_received_text=True)
    case = decide()
    case.form.refresh_from_db()
    delivery.queue_received_text(case)
    deliver(case)
    delivery.deliver(case.pk, None)
    assert case.deliveries.get(kind="received").state == "cancelled"
    assert answer_in(sandbox, case) == case.deliveries.get(kind="answer").text


def test_the_notice_of_receipt_is_written(
    sandbox: SandboxProcess, pending: Case, decide: Decide
) -> None:
    pending.form.sends_received_text = True
    delivery.queue_received_text(pending)
    delivery.deliver(pending.pk, None)
    assert answer_in(sandbox, pending) == pending.deliveries.get().text
    deliver(decide())
    assert not answer_in(sandbox, pending).startswith(("CORRE", "Corre"))


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_deliver_one_case_at_once(decide: Decide) -> None:
    case = decide()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with delivery.only_one_for(case.pk):
            entered.set()
            leave.wait(10)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(10)
    with pytest.raises(delivery.Busy):
        deliver(case)
    leave.set()
    thread.join()
    deliver(case)
    assert rows(case) == [(1, "sent", "")]


def test_the_lock_is_let_go_after_a_failure(decide: Decide) -> None:
    case = decide()
    with pytest.raises(ZeroDivisionError), delivery.only_one_for(case.pk):
        raise ZeroDivisionError
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        assert cursor.fetchone() == (0,)


def test_our_own_write_comes_back_as_a_duplicate(
    sandbox: SandboxProcess, sandbox_form: JotformForm, decide: Decide
) -> None:
    """Jotform may fire the webhook again for our write: that must change nothing."""
    case = decide()
    deliver(case)
    answers = sandbox.submission(case.submission_id)["answers"]
    for expected in ("processed", "duplicate"):
        event = InboundEvent.objects.create(
            kind="json", form_id=sandbox_form.form_id, submission_id=case.submission_id,
            payload={"answers": answers},
        )  # fmt: skip
        intake.open_case(event.pk)
        event.refresh_from_db()
        assert event.state == expected
        deliver(Case.objects.get())
