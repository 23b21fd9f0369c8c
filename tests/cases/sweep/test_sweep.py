"""Looking for what webhooks missed, against the stand-in for Jotform."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cases import sweep
from cases.models import Case
from cases.privacy.models import ErasedSubmission
from tests.cases.sweep.conftest import (
    Decided,
    process,
    rows,
    submit,
    write_into_jotform,
)
from tests.sandbox.process import SandboxProcess
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db


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
