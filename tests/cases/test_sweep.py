"""Looking for what webhooks missed, against the stand-in for Jotform."""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from cases import delivery, review, sweep
from cases.disagreement import is_gone, leave_altered
from cases.intake import open_case
from cases.models import Case, Delivery
from cases.notices.models import Notice
from cases.privacy.models import ErasedSubmission
from cases.waiting import waiting_cases
from tests.people import logged_in, person
from tests.sandbox.process import SandboxProcess
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db
ANSWERS = {"nome": {"first": "Ana", "last": "Dias"}, "dente": "44"}
Decided = Callable[[], Case]


@pytest.fixture(autouse=True)
def _clean(sandbox: SandboxProcess) -> Iterator[None]:
    sandbox.reset(everything=True)
    yield
    sandbox.reset(everything=True)


@pytest.fixture
def form(sandbox: SandboxProcess, sandbox_form: JotformForm) -> JotformForm:
    sandbox.reset()  # forgets the requests that mapped the questions
    return sandbox_form


@pytest.fixture
def decided(
    form: JotformForm,
    sandbox: SandboxProcess,
    make_case: Callable[..., Case],
    brenda: User,
) -> Decided:
    """A case whose answer stands in Jotform."""

    def make() -> Case:
        sent = sandbox.submit(webhook=False)
        case = make_case(form=form, submission_id=sent["id"], tooth="")
        review.set_verdict(case.findings.get(), brenda, verdict="not_identifiable", implant=None)
        review.approve(case, brenda)
        case.refresh_from_db()
        delivery.deliver(case.pk, case.decision_id)
        assert case.deliveries.get().state == "sent"
        return case

    return make


def submit(sandbox: SandboxProcess, **more: Any) -> str:
    """A submission whose webhook got lost."""
    return str(sandbox.submit(ANSWERS, files={"a.png": b"x"}, webhook=False, **more)["id"])


def process() -> None:
    """What the worker does with events that wait."""
    for event in InboundEvent.objects.filter(state="received").order_by("pk"):
        open_case(event.pk)


def write_into_jotform(sandbox: SandboxProcess, case: Case, text: str) -> None:
    """Somebody changes the answer in Jotform by hand."""
    sandbox.set(webhook_on_edit=False)
    field = f"submission[{case.form.qid_result}]"
    sandbox.api("POST", f"/submission/{case.submission_id}", {field: text})


def rows(case: Case) -> list[tuple[str, str]]:
    return list(case.deliveries.values_list("state", "reason"))


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("sweep_jotform", *arguments, stdout=out)
    return out.getvalue()


# Submissions whose webhook never came


def test_sweep_opens_a_case_for_a_submission_whose_webhook_got_lost(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    submission = submit(sandbox)
    found = sweep.sweep(form)
    assert (found.seen, found.missing, found.edited) == (1, 1, 0)
    process()
    case = Case.objects.get()
    assert (case.submission_id, case.dentist_name, case.tooth) == (submission, "Ana Dias", "44")
    assert case.images.get().url.endswith("/a.png")
    event = InboundEvent.objects.get()
    assert (event.kind, event.state) == ("swept", "processed")
    assert event.correlation_id


def test_sweep_twice_brings_nothing_twice(sandbox: SandboxProcess, form: JotformForm) -> None:
    submit(sandbox)
    sweep.sweep(form)
    # Once more before the worker came to it, and once more after that.
    assert sweep.sweep(form).missing == 0
    process()
    assert sweep.sweep(form).missing == 0
    assert (InboundEvent.objects.count(), Case.objects.count()) == (1, 1)


def test_sweep_leaves_a_submission_alone_that_a_webhook_brought(
    sandbox: SandboxProcess, form: JotformForm, make_case: Callable[..., Case]
) -> None:
    make_case(form=form, submission_id=sandbox.submit({"dente": "44"}, webhook=False)["id"])
    found = sweep.sweep(form)
    assert (found.seen, found.missing, found.edited) == (1, 0, 0)
    assert not InboundEvent.objects.exists()


def test_sweep_and_a_late_webhook_are_one_case(
    sandbox: SandboxProcess, form: JotformForm, client: Any, settings: Any
) -> None:
    settings.WEBHOOK_TOKENS = [secrets.token_urlsafe()]
    submission = submit(sandbox)
    sweep.sweep(form)
    answers = sandbox.submission(submission)["answers"]
    body = {"submissionID": submission, "formID": form.form_id, "answers": answers}
    path = f"/webhook/{settings.WEBHOOK_TOKENS[0]}"
    assert client.post(path, body, content_type="application/json").status_code == 200
    process()
    assert Case.objects.count() == 1
    assert set(InboundEvent.objects.values_list("kind", "state")) == {
        ("swept", "processed"),
        ("json", "duplicate"),
    }


def test_sweep_does_not_bring_back_what_was_erased(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    digest = ErasedSubmission.digest_of(form.form_id, submit(sandbox))
    ErasedSubmission.objects.create(digest=digest)
    assert sweep.sweep(form).missing == 0
    assert not InboundEvent.objects.exists()


def test_sweep_leaves_failed_events_to_people(sandbox: SandboxProcess, form: JotformForm) -> None:
    InboundEvent.objects.create(
        kind="json", state="failed", form_id=form.form_id, submission_id=submit(sandbox)
    )
    assert sweep.sweep(form).missing == 0


def test_sweep_brings_in_what_came_before_its_form_was_known(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    InboundEvent.objects.create(
        kind="json", state="ignored", form_id=form.form_id, submission_id=submit(sandbox)
    )
    assert sweep.sweep(form).missing == 1


def test_sweep_takes_over_an_edit_that_nobody_told_of(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    submission = submit(sandbox)
    sweep.sweep(form)
    process()
    sandbox.edit(submission, {"dente": "45"}, files={"b.png": b"y"}, webhook=False)
    assert sweep.sweep(form).edited == 1
    process()
    case = Case.objects.get()
    assert (case.tooth, case.images.count()) == ("45", 2)
    assert sweep.sweep(form).edited == 0


def test_sweep_takes_over_that_an_answer_was_cleared(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    submission = submit(sandbox)
    sweep.sweep(form)
    process()
    assert Case.objects.get().tooth
    sandbox.edit(submission, {"dente": ""}, webhook=False)
    assert sweep.sweep(form).edited == 1
    process()
    case = Case.objects.get()
    assert (case.tooth, case.images.count()) == ("", 1)
    assert sweep.sweep(form).edited == 0


def test_sweep_takes_over_that_an_answer_was_cleared_which_a_webhook_left_out(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    submission = submit(sandbox)
    sweep.sweep(form)
    process()
    sandbox.edit(submission, {"dente": ""}, webhook=False)
    told = sandbox.submission(submission)["answers"]
    answers = {qid: row for qid, row in told.items() if row.get("answer")}
    InboundEvent.objects.create(
        kind="json", form_id=form.form_id, submission_id=submission, payload={"answers": answers}
    )
    process()
    assert Case.objects.get().tooth, "a webhook that does not speak of it clears nothing"
    assert sweep.sweep(form).edited == 1
    process()
    assert Case.objects.get().tooth == ""
    assert sweep.sweep(form).edited == 0


def test_sweep_does_not_fill_a_case_again_whose_data_were_deleted(
    sandbox: SandboxProcess, form: JotformForm, make_case: Callable[..., Case]
) -> None:
    now = timezone.now()
    make_case(form=form, submission_id=submit(sandbox), personal_data_deleted_at=now)
    assert sweep.sweep(form).edited == 0


def test_sweep_does_not_import_what_lies_in_the_trash(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    sandbox.delete(submit(sandbox))
    assert sweep.sweep(form).missing == 0


def test_sweep_looks_back_from_the_last_one_that_was_complete(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    """A worker that stood still for a week leaves no gap."""
    week_ago = timezone.now() - timedelta(days=7)
    form.swept_at = week_ago
    form.save()
    sweep.sweep(form)
    asked = sandbox.requests()[-1]["query"]
    since = (week_ago - timedelta(hours=48 + 12)).strftime("%Y-%m-%d %H:%M")
    assert f'"created_at:gt": "{since}' in str(asked)
    form.refresh_from_db()
    assert form.swept_at is not None
    assert form.swept_at > week_ago


def test_sweep_that_broke_off_counts_for_nothing(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    sandbox.set(fail_next=1)
    sweep.sweep_all()
    form.refresh_from_db()
    assert form.swept_at is None


def test_sweep_of_one_form_that_fails_does_not_stop_the_others(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    JotformForm.objects.create(form_id="1", title="A: Jotform does not know it")
    submit(sandbox)
    sweep.sweep_all()
    assert InboundEvent.objects.count() == 1


def test_sweep_stops_at_the_quota(sandbox: SandboxProcess, form: JotformForm, caplog: Any) -> None:
    JotformForm.objects.create(form_id="1", title="another")
    submit(sandbox)
    sandbox.set(quota_left=0)
    sweep.sweep_all()
    assert len(sandbox.requests()) == 1
    assert not InboundEvent.objects.exists()
    assert "sweep stopped: limit used up" in caplog.messages


def test_sweep_without_a_key_asks_nobody(
    sandbox: SandboxProcess, form: JotformForm, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = ""
    sweep.sweep_all()
    assert sandbox.requests() == []
    with pytest.raises(CommandError, match="JOTFORM_API_KEY"):
        command()


# Cases that disagree with Jotform


def test_sweep_after_our_own_write_back_finds_nothing(form: JotformForm, decided: Decided) -> None:
    decided()
    found = sweep.sweep(form)
    assert (found.seen, found.missing, found.edited, found.altered) == (1, 0, 0, 0)
    assert not InboundEvent.objects.exists()


def test_sweep_tells_of_an_answer_that_was_changed_and_overwrites_nothing(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided, settings: Any
) -> None:
    settings.EMAIL_IS_CONFIGURED = True
    brenda = person("chefe", "Revisores")
    brenda.email = "chefe@example.org"
    brenda.save()
    case = decided()
    write_into_jotform(sandbox, case, "outra coisa")
    assert sweep.sweep(form).altered == 1
    assert sandbox.submission(case.submission_id)["result"] == "outra coisa"
    assert rows(case) == [("sent", ""), ("failed", "altered")]
    assert case in waiting_cases()
    assert logged_in(brenda).get("/admin/").context["undelivered"] == 1
    assert Notice.objects.filter(topic=Notice.Topic.DELIVERY).exists()
    # Told once.
    assert sweep.sweep(form).altered == 0


def test_an_answer_that_was_changed_can_be_sent_again(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided, brenda: User
) -> None:
    case = decided()
    text = case.deliveries.get().text
    write_into_jotform(sandbox, case, "")
    sweep.sweep(form)
    page = logged_in(person("rita2", "Revisores")).get(f"/admin/cases/case/{case.pk}/change/")
    assert page.context["can_send_again"]
    delivery.send_again(case, brenda)
    delivery.deliver(case.pk, case.decision_id)
    assert sandbox.submission(case.submission_id)["result"] == text
    assert case not in waiting_cases()
    assert sweep.sweep(form).altered == 0


def test_an_answer_that_was_changed_can_be_left_so(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided
) -> None:
    case = decided()
    write_into_jotform(sandbox, case, "outra coisa")
    sweep.sweep(form)
    browser = logged_in(person("rita2", "Revisores"))
    page = browser.get(f"/admin/cases/case/{case.pk}/change/")
    assert page.context["was_altered"]
    assert "Deixar como está" in page.content.decode()

    browser.post(f"/admin/cases/case/{case.pk}/leave-altered/")

    assert rows(case) == [("sent", ""), ("cancelled", "altered")]
    assert case not in waiting_cases()
    event = case.events.last()
    assert event is not None
    assert (event.kind, str(event.actor)) == ("alteration_left", "rita2")
    page = browser.get(f"/admin/cases/case/{case.pk}/change/")
    assert not page.context["was_altered"]
    assert not page.context["can_send_again"]
    assert "Resposta deixada como foi alterada no Jotform" in page.content.decode()
    # Not told again, and what comes next is a correction.
    assert sweep.sweep(form).altered == 0
    assert sandbox.submission(case.submission_id)["result"] == "outra coisa"
    assert delivery.may_have_been_read(case)


def test_only_an_answer_that_was_changed_can_be_left(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided, brenda: User
) -> None:
    case = decided()
    assert not leave_altered(case, brenda)
    Delivery.objects.filter(case=case).update(state="failed", reason="not_found")
    assert not leave_altered(case, brenda)
    assert rows(case) == [("failed", "not_found")]
    Delivery.objects.filter(case=case).update(state="sent", reason="")
    write_into_jotform(sandbox, case, "")
    sweep.sweep(form)
    # Somebody else has just sent it again.
    delivery.send_again(case, brenda)
    assert not leave_altered(case, brenda)
    assert rows(case)[-1] == ("queued", "")
    assert "alteration_left" not in case.events.values_list("kind", flat=True)


def test_an_answer_that_was_changed_is_followed_by_a_correction(decided: Decided) -> None:
    """It may have been read before somebody changed it."""
    case = decided()
    Delivery.objects.filter(case=case).update(state="failed", reason="altered")
    assert delivery.may_have_been_read(case)


def test_sweep_does_not_judge_an_answer_that_is_on_its_way(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided, brenda: User
) -> None:
    case = decided()
    review.reopen(case, brenda)
    review.reject(Case.objects.get(), brenda, reason="new_film_needed")
    write_into_jotform(sandbox, case, "outra coisa")
    assert sweep.sweep(form).altered == 0


def test_sweep_looks_at_an_answer_to_an_older_submission_once(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided
) -> None:
    """Brenda may answer weeks later: then it is in no list, and is read by itself."""
    case = decided()
    write_into_jotform(sandbox, case, "outra coisa")
    future = timezone.now() + timedelta(days=5)
    Case.objects.update(created_at=timezone.now() - timedelta(days=30))
    form.swept_at = timezone.now() - timedelta(minutes=15)
    form.save()
    assert sweep.sweep(form, since=future).altered == 1


def test_sweep_reads_again_before_it_says_that_an_answer_was_changed(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided, monkeypatch: Any
) -> None:
    """An answer may go out between the list and the comparison."""
    decided()
    monkeypatch.setattr(sweep, "result_of", lambda *_: "what stood there before")
    assert sweep.sweep(form).altered == 0


@pytest.mark.parametrize("for_good", [False, True])
def test_sweep_tells_of_a_submission_that_was_deleted(
    sandbox: SandboxProcess, form: JotformForm, make_case: Callable[..., Case], *, for_good: bool
) -> None:
    submission = submit(sandbox)
    sweep.sweep(form)
    process()
    sandbox.delete(submission, for_good=for_good)
    assert sweep.sweep(form).gone == 1
    case = Case.objects.get()
    assert is_gone(case)
    page = logged_in(person("rita2", "Revisores")).get(f"/admin/cases/case/{case.pk}/change/")
    assert "excluído no Jotform" in page.content.decode()
    assert sweep.sweep(form).gone == 0


def test_sweep_of_direct_cases_asks_nothing(
    sandbox: SandboxProcess, form: JotformForm, make_case: Callable[..., Case]
) -> None:
    make_case(form=form, submission_id="direct-x", is_direct=True)
    assert sweep.sweep(form).gone == 0
    assert len(sandbox.requests()) == 1


# The command


def test_command_says_what_it_found(sandbox: SandboxProcess, form: JotformForm) -> None:
    submit(sandbox)
    assert "1 submissions seen, 1 without a case" in command()
    assert InboundEvent.objects.count() == 1


def test_command_dry_run_changes_nothing(
    sandbox: SandboxProcess, form: JotformForm, decided: Decided
) -> None:
    submit(sandbox)
    case = decided()
    write_into_jotform(sandbox, case, "outra coisa")
    told = command("--dry-run")
    assert "1 without a case" in told
    assert "1 answers changed" in told
    assert "nothing was changed" in told
    assert not InboundEvent.objects.exists()
    assert rows(case) == [("sent", "")]
    form.refresh_from_db()
    assert form.swept_at is None


def test_command_since(sandbox: SandboxProcess, form: JotformForm) -> None:
    command("--since", "2026-01-31")
    # Midnight in São Paulo is 03:00 UTC; 12 h less for the time zone that nobody knows.
    assert '"created_at:gt": "2026-01-30 15:00:00"' in str(sandbox.requests()[-1]["query"])
    form.refresh_from_db()
    assert form.swept_at is None


@pytest.mark.parametrize("since", ["gestern", "2026-02-31", "2999-01-01"])
def test_command_refuses_a_strange_moment(form: JotformForm, since: str) -> None:
    with pytest.raises(CommandError):
        command("--since", since)


def test_command_fails_where_there_is_no_such_form(form: JotformForm) -> None:
    with pytest.raises(CommandError, match="connect_jotform"):
        command("--form", "1")


def test_command_says_until_when_the_quota_is_used_up(
    sandbox: SandboxProcess, form: JotformForm
) -> None:
    sandbox.set(quota_left=0)
    with pytest.raises(CommandError, match=r"used up until \d{4}-\d\d-\d\d \d\d:\d\d"):
        command()
