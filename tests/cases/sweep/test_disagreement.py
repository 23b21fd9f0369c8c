"""Answers that were changed or deleted in Jotform after they had gone out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cases import delivery, review, sweep
from cases.disagreement import is_gone, leave_altered
from cases.models import Case, Delivery
from cases.notices.models import Notice
from cases.waiting import waiting_cases
from tests.cases.sweep.conftest import (
    Decided,
    process,
    rows,
    submit,
    write_into_jotform,
)
from tests.people import logged_in, person
from tests.sandbox.process import SandboxProcess
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db


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
