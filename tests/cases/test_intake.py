"""One case for each submission, whatever Jotform sends twice."""

import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from cases import files, intake, recovery, review
from cases.models import Case, CaseEvent, Delivery
from cases.tasks import open_case as open_case_task
from tests.cases.conftest import URL, jobs
from tests.sandbox.process import SandboxProcess
from webhooks import inbox
from webhooks.errors import Transient
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db
State = InboundEvent.State
MakeEvent = Callable[..., InboundEvent]


def state_of(event: InboundEvent) -> str:
    return InboundEvent.objects.get(pk=event.pk).state


def kinds(case: Case) -> list[str]:
    return list(case.events.values_list("kind", flat=True))


def test_open_case_takes_over_what_the_dentist_sent(make_event: MakeEvent) -> None:
    event = make_event()
    case = intake.open_case(event.pk)
    assert case is not None
    assert (case.dentist_name, case.patient, case.tooth) == ("Ana Dias", "B. F.", "44")
    assert [image.url for image in case.images.all()] == [URL]
    assert [finding.tooth for finding in case.findings.all()] == ["44"]
    assert kinds(case) == ["received"]
    assert state_of(event) == State.PROCESSED
    assert [job["case_id"] for job in jobs("cases.analyze_case")] == [case.pk]


def test_open_case_twice_for_one_event_does_nothing(make_event: MakeEvent) -> None:
    event = make_event()
    intake.open_case(event.pk)
    assert intake.open_case(event.pk) is None
    assert Case.objects.count() == 1
    assert len(jobs("cases.analyze_case")) == 1


def test_the_same_webhook_again_is_a_duplicate(make_event: MakeEvent) -> None:
    first, second = make_event(), make_event(event_id="other")
    intake.open_case(first.pk)
    intake.open_case(second.pk)
    assert (state_of(first), state_of(second)) == (State.PROCESSED, State.DUPLICATE)
    assert Case.objects.count() == 1


def test_our_own_write_back_is_a_duplicate(make_event: MakeEvent) -> None:
    intake.open_case(make_event().pk)
    echo = make_event(q9_resultado="Raiox AI: resultado")
    intake.open_case(echo.pk)
    assert state_of(echo) == State.DUPLICATE


def test_an_answer_edited_back_and_forth_is_no_duplicate(make_event: MakeEvent) -> None:
    for tooth in ("44", "45", "44"):
        event = make_event(q7_dente=tooth)
        intake.open_case(event.pk)
        assert state_of(event) == State.PROCESSED
        assert Case.objects.get().tooth == tooth


def test_an_edit_that_overtook_its_predecessor_wins(make_event: MakeEvent) -> None:
    first, edit = make_event(q7_dente="44"), make_event(q7_dente="45")
    intake.open_case(edit.pk)
    intake.open_case(first.pk)
    assert (state_of(edit), state_of(first)) == (State.PROCESSED, State.IGNORED)
    assert Case.objects.get().tooth == "45"


@pytest.mark.django_db(transaction=True)
def test_ten_events_at_once_are_one_case(make_event: MakeEvent) -> None:
    events = [make_event() for _ in range(10)]
    barrier = threading.Barrier(len(events))

    def run(event_id: int) -> None:
        barrier.wait()
        intake.open_case(event_id)
        connection.close()

    threads = [threading.Thread(target=run, args=[event.pk]) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Case.objects.count() == 1
    assert Case.objects.get().images.count() == 1
    states = sorted(state_of(event) for event in events)
    assert states.count(State.PROCESSED) == 1
    assert set(states) <= {State.PROCESSED, State.DUPLICATE, State.IGNORED}


def test_an_edit_before_the_decision_is_taken_over(make_event: MakeEvent) -> None:
    intake.open_case(make_event().pk)
    Case.objects.update(state="pending")
    edited = intake.open_case(make_event(q7_dente="45", radiografia=[URL, URL + "2"]).pk)
    assert edited is not None
    case = Case.objects.get()
    assert case.tooth == case.findings.get().tooth == "45"
    assert case.images.count() == 2
    assert not case.changed_after_decision
    assert len(jobs("cases.analyze_case")) == 2
    assert kinds(case) == ["received", "updated"]


def test_an_edit_of_text_alone_is_not_analysed_again(make_event: MakeEvent) -> None:
    intake.open_case(make_event().pk)
    intake.open_case(make_event(q6_paciente="C. G.").pk)
    assert Case.objects.get().patient == "C. G."
    assert len(jobs("cases.analyze_case")) == 1


def test_an_edit_keeps_the_tooth_that_a_reviewer_corrected(make_event: MakeEvent) -> None:
    case = intake.open_case(make_event().pk)
    assert case is not None
    case.findings.update(tooth="46")
    intake.open_case(make_event(q7_dente="45").pk)
    assert case.findings.get().tooth == "46"


def test_an_edit_after_the_decision_flags_the_case(make_event: MakeEvent, brenda: User) -> None:
    intake.open_case(make_event().pk)
    decision = uuid4()
    Case.objects.update(
        state="approved", decided_by=brenda, decided_at=timezone.now(), decision_id=decision
    )
    intake.open_case(make_event(q7_dente="45", radiografia=[URL, URL + "2"]).pk)
    case = Case.objects.get()
    assert case.changed_after_decision
    assert (case.state, case.decision_id) == ("approved", decision)
    assert (case.tooth, case.findings.get().tooth) == ("45", "44"), "the decision was on 44"
    assert kinds(case)[-1] == "changed_after_decision"
    assert len(jobs("cases.analyze_case")) == 1


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(("decided_on", "then"), [("44", "36"), ("46", "46")])
def test_reopened_case_follows_the_dentist_but_not_against_a_reviewer(
    make_event: MakeEvent, brenda: User, decided_on: str, then: str, keeps: bool
) -> None:
    intake.open_case(make_event().pk)
    Case.objects.update(state="pending")
    case = Case.objects.get()
    case.findings.update(tooth=decided_on, verdict="not_identifiable")
    review.approve(case, brenda)
    for tooth in ("45", "36"):
        intake.open_case(make_event(q7_dente=tooth).pk)
        assert case.findings.get().tooth == decided_on
        if tooth == "45" and keeps:
            review.keep_decision(case, brenda)
    review.reopen(case, brenda)
    assert case.findings.get().tooth == then


def test_edit_that_a_reviewer_knew_changes_no_tooth_at_a_later_reopening(
    make_event: MakeEvent, brenda: User
) -> None:
    intake.open_case(make_event().pk)
    Case.objects.update(state="pending")
    case = Case.objects.get()
    case.findings.update(verdict="not_identifiable")
    review.approve(case, brenda)
    intake.open_case(make_event(q7_dente="36").pk)
    review.reopen(case, brenda)
    case.findings.update(tooth="44")
    review.approve(case, brenda)
    review.reopen(case, brenda)
    assert case.findings.get().tooth == "44"


def test_events_name_fields_and_no_patient(make_event: MakeEvent) -> None:
    intake.open_case(make_event().pk)
    intake.open_case(make_event(q6_paciente="Zilda Prado").pk)
    event = CaseEvent.objects.get(kind="updated")
    assert event.data == {"fields": ["patient"], "images": 0}


def test_an_edit_of_what_we_do_not_use_changes_nothing(make_event: MakeEvent, brenda: User) -> None:
    intake.open_case(make_event().pk)
    Case.objects.update(
        state="approved", decided_by=brenda, decided_at=timezone.now(), decision_id=uuid4()
    )
    other = make_event(q11_oculto="x")
    intake.open_case(other.pk)
    case = Case.objects.get()
    assert (state_of(other), case.changed_after_decision) == (State.PROCESSED, False)
    assert kinds(case) == ["received"]


def test_an_event_without_answers_erases_nothing(
    sandbox: SandboxProcess, make_event: MakeEvent
) -> None:
    """Jotform knows nothing of the submission either: what we have stays."""
    intake.open_case(make_event().pk)
    empty = make_event()
    InboundEvent.objects.filter(pk=empty.pk).update(payload={"rawRequest": None})
    intake.open_case(empty.pk)
    case = Case.objects.get()
    assert state_of(empty) == State.PROCESSED
    assert (case.dentist_name, case.patient, case.tooth) == ("Ana Dias", "B. F.", "44")
    assert case.findings.get().tooth == "44"


def test_an_event_that_nobody_can_read_becomes_a_bare_case(
    form: JotformForm, settings: Any
) -> None:
    """Without a key to ask Jotform: the case waits for Brenda all the same."""
    settings.JOTFORM_API_KEY = ""
    event = InboundEvent.objects.create(
        kind="multipart", form_id="24", submission_id="62", payload={"rawRequest": None}
    )
    case = intake.open_case(event.pk)
    assert case is not None
    assert (case.images.count(), case.findings.count()) == (0, 1)


def test_an_address_may_be_longer_than_an_index_entry(make_event: MakeEvent) -> None:
    noise = "".join(secrets.token_hex(32) for _ in range(100))
    case = intake.open_case(make_event(radiografia=[f"{URL}?{noise}"]).pk)
    assert case is not None
    assert case.images.get().url.endswith(noise)


def test_no_more_files_than_a_person_sends(make_event: MakeEvent) -> None:
    case = intake.open_case(make_event(radiografia=[f"{URL}{n}" for n in range(500)]).pk)
    assert case is not None
    assert case.images.count() == files.MAX_IMAGES


def test_a_failed_event_can_be_tried_again(make_event: MakeEvent) -> None:
    event = make_event()
    intake.mark_failed(event.pk, "test")
    assert inbox.try_again(event)
    assert state_of(event) == State.RECEIVED
    assert [job["event_id"] for job in jobs("cases.open_case")] == [event.pk]
    intake.open_case(event.pk)
    assert not inbox.try_again(event)


def test_an_event_of_an_unknown_form_can_be_tried_when_the_form_is_known(
    make_event: MakeEvent,
) -> None:
    event = make_event()
    InboundEvent.objects.update(state=State.IGNORED, form_id="99")
    event.refresh_from_db()
    assert not inbox.try_again(event)
    JotformForm.objects.create(form_id="99", qid_images="5")
    assert inbox.try_again(event)


def test_a_direct_image_becomes_a_case_without_a_way_back(form: JotformForm) -> None:
    event = InboundEvent.objects.create(
        kind="direct", form_id="24", submission_id="direct-abc",
        payload={"image_url": URL, "client_id": "clinica-7"},
    )  # fmt: skip
    case = intake.open_case(event.pk)
    assert case is not None
    assert case.is_direct
    assert case.images.get().url == URL


def test_missing_addresses_are_asked_from_jotform(
    sandbox: SandboxProcess, sandbox_form: JotformForm
) -> None:
    sent = sandbox.submit({"dente": "36"}, files={"rx 1.png": b"x"}, webhook=False)
    event = InboundEvent.objects.create(
        kind="multipart", form_id=sandbox.form_id, submission_id=sent["id"],
        payload={"rawRequest": {}},
    )  # fmt: skip
    case = intake.open_case(event.pk)
    assert case is not None
    assert case.tooth == "36"
    assert case.images.get().url.endswith(("rx%201.png", "rx 1.png"))


def test_a_submission_jotform_does_not_know_still_becomes_a_case(
    sandbox: SandboxProcess, make_event: MakeEvent
) -> None:
    case = intake.open_case(make_event(radiografia=[], temp_upload={}).pk)
    assert case is not None
    assert case.images.count() == 0


def test_an_event_waits_while_jotform_is_down(
    sandbox: SandboxProcess, make_event: MakeEvent
) -> None:
    sandbox.set(fail_next=1, fail_status=503)
    event = make_event(radiografia=[])
    with pytest.raises(Transient):
        intake.open_case(event.pk)
    assert state_of(event) == State.RECEIVED


class Context:
    """What procrastinate tells a task of its job."""

    def __init__(self, attempts: int) -> None:
        self.job = self
        self.attempts = attempts


@pytest.mark.parametrize(("attempts", "state"), [(0, State.RECEIVED), (8, State.FAILED)])
def test_an_event_says_that_it_failed_after_the_last_try(
    sandbox: SandboxProcess, make_event: MakeEvent, attempts: int, state: str
) -> None:
    sandbox.set(fail_next=1, fail_status=503)
    event = make_event(radiografia=[])
    context: Any = Context(attempts)
    with pytest.raises(Transient):
        open_case_task.func(context, event_id=event.pk)
    assert state_of(event) == state


@pytest.mark.parametrize("attempts", [0, 8])
def test_event_waits_for_the_quota_however_long_that_takes(
    sandbox: SandboxProcess, make_event: MakeEvent, attempts: int
) -> None:
    sandbox.set(quota_left=0)
    event = make_event(radiografia=[])
    context: Any = Context(attempts)
    open_case_task.func(context, event_id=event.pk)
    assert state_of(event) == State.RECEIVED
    waiting = ProcrastinateJob.objects.get(task_name="cases.open_case", status="todo")
    assert waiting.args["event_id"] == event.pk
    assert waiting.scheduled_at and waiting.scheduled_at > timezone.now()
    event.refresh_from_db()
    assert (
        event.reason
        == f"waits for Jotform's quota until {waiting.scheduled_at:%Y-%m-%dT%H:%M}+00:00"
    )
    InboundEvent.objects.update(received_at=timezone.now() - timedelta(days=1))
    assert recovery.requeue_lost() == 0, "it has its job"


def test_the_dentist_is_told_that_the_case_was_received_if_the_form_wants_it(
    form: JotformForm, make_event: MakeEvent
) -> None:
    intake.open_case(make_event("62").pk)
    assert not Delivery.objects.exists()
    JotformForm.objects.update(sends_received_text=True)
    intake.open_case(make_event("63").pk)
    assert Delivery.objects.get().kind == Delivery.Kind.RECEIVED
