"""What reviewers do with a case. One guarded UPDATE decides who was first."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import answers, claims, delivery, queue, teeth
from cases.answers import Wording
from cases.events import record
from cases.models import Case, CaseEvent, CaseImage, Finding
from implants.catalogue import catalogue_changed
from implants.models import Implant

Kind = CaseEvent.Kind


class ReviewError(Exception):
    """A decision that can't be taken; the message is for the person who tried."""


class Conflict(ReviewError):
    """Somebody else was first, or the case is not in the state for this."""


class Claimed(Conflict):
    """A colleague has the case reserved."""


class AnswerOutdated(Conflict):
    """The answer that the reviewer saw is not the one that her decision gives."""


class VerdictMissing(ReviewError):
    """A finding has no verdict yet."""


class InvalidDecision(ReviewError):
    """What was given does not make a decision (a verdict without its implant, no reason)."""


@transaction.atomic
def set_verdict(
    finding: Finding,
    actor: User,
    *,
    verdict: str,
    implant: Implant | None,
    note: str = "",
) -> Finding:
    """Note what the reviewer says of one finding of a pending case."""
    case = lock_pending(finding.case_id, actor)
    _check_verdict(verdict, implant)
    before = (finding.verdict, finding.implant_id, finding.note)
    finding.verdict, finding.implant, finding.note = verdict, implant, note.strip()
    if before != (finding.verdict, finding.implant_id, finding.note):
        finding.save(update_fields=["verdict", "implant", "note"])
        record(
            case, Kind.FINDING_CHANGED, actor, finding=finding.pk, verdict=verdict,
            implant=finding.implant_id,
        )  # fmt: skip
    return finding


@transaction.atomic
def add_finding(
    case: Case,
    actor: User,
    *,
    tooth: str = "",
    image: CaseImage | None = None,
    region: list[float] | None = None,
) -> Finding:
    """Add an implant that is on the film too; its candidates are searched in the background."""
    case = lock_pending(case.pk, actor)
    finding = Finding.objects.create(case=case, tooth=tooth.strip(), image=image, region=region)
    record(case, Kind.FINDING_ADDED, actor, finding=finding.pk)
    queue.defer_finding_search(finding)
    return finding


@transaction.atomic
def remove_finding(finding: Finding, actor: User) -> None:
    """Take back a finding; a case keeps at least one."""
    case = lock_pending(finding.case_id, actor)
    if case.findings.count() == 1:
        raise InvalidDecision(_("A case needs at least one finding."))
    record(case, Kind.FINDING_REMOVED, actor, finding=finding.pk)
    finding.delete()


@transaction.atomic
def request_analysis(case: Case, actor: User) -> None:
    """Ask for a new analysis of a case that waits; files whose download failed are tried again."""
    case = lock_pending(case.pk, actor)
    case.images.filter(
        state=CaseImage.State.REFUSED,
        refusal__in=[CaseImage.Refusal.DOWNLOAD_FAILED, CaseImage.Refusal.LOGIN_REQUIRED],
    ).update(state=CaseImage.State.WAITING, refusal="")
    record(case, Kind.ANALYSIS_REQUESTED, actor)
    queue.defer_analysis(case)


@transaction.atomic
def approve(case: Case, actor: User, *, note: str = "", wording: Wording | None = None) -> Case:
    """Approve the findings as they stand and queue the answer.

    `wording` is the answer as the reviewer saw and perhaps edited it; without one the generated
    text goes out.
    """
    case = lock_pending(case.pk, actor)
    if case.findings.filter(verdict="").exists():
        raise VerdictMissing(_("Each finding needs a verdict before the case can be approved."))
    return _decide(
        case, actor, Kind.APPROVED, wording, state=Case.State.APPROVED, note=note.strip()
    )


@transaction.atomic
def reject(
    case: Case, actor: User, *, reason: str, text: str = "", wording: Wording | None = None
) -> Case:
    """Answer without an identification, with a reason from the list."""
    check_rejection(reason, text)
    return _decide(
        case,
        actor,
        Kind.REJECTED,
        wording,
        state=Case.State.REJECTED,
        rejection_reason=reason,
        rejection_text=text.strip(),
    )


@transaction.atomic
def reopen(case: Case, actor: User) -> Case:
    """Take a decision back: within the grace nothing was sent, later a correction follows."""
    decided = Case.objects.filter(pk=case.pk, state__in=[Case.State.APPROVED, Case.State.REJECTED])
    updated = decided.update(
        state=Case.State.PENDING,
        decided_by=None,
        decided_at=None,
        decision_id=None,
        rejection_reason="",
        rejection_text="",
        changed_after_decision=False,
    )
    if not updated:
        raise refusal(case.pk, actor)
    case = Case.objects.get(pk=case.pk)
    _follow_the_dentist(case)
    record(case, Kind.REOPENED, actor)
    delivery.cancel_queued(case)
    catalogue_changed()
    if case.images.filter(state=CaseImage.State.WAITING).exists():
        queue.defer_analysis(case)
    return case


def _follow_the_dentist(case: Case) -> None:
    """Teeth that were the dentist's when the case was decided are what she says now."""
    edits = case.events.filter(kind=Kind.CHANGED_AFTER_DECISION, data__has_key="tooth")
    decided = case.events.filter(kind__in=[Kind.APPROVED, Kind.REJECTED]).last()
    if decided is not None:
        edits = edits.filter(pk__gt=decided.pk)
    first = edits.first()
    if first is not None:
        teeth.follow_dentist(case, first.data["tooth"])


@transaction.atomic
def keep_decision(case: Case, actor: User) -> Case:
    """The edit after the decision changes nothing: the case needs no more attention."""
    updated = Case.objects.filter(pk=case.pk, changed_after_decision=True).update(
        changed_after_decision=False
    )
    if not updated:
        raise refusal(case.pk, actor)
    case = Case.objects.get(pk=case.pk)
    record(case, Kind.DECISION_KEPT, actor)
    return case


@transaction.atomic
def postpone(case: Case, actor: User, *, until: datetime) -> Case:
    """Hide a pending case until a time."""
    updated = _open_to(case.pk, actor).update(postponed_until=until, **claims.FREE)
    if not updated:
        raise refusal(case.pk, actor)
    case = Case.objects.get(pk=case.pk)
    record(case, Kind.POSTPONED, actor, until=until.isoformat())
    return case


def _decide(
    case: Case, actor: User, kind: CaseEvent.Kind, wording: Wording | None, **fields: Any
) -> Case:
    """The one guarded UPDATE; whoever comes second is told who was first."""
    if wording and not wording.text:
        raise InvalidDecision(_("The answer can't be empty."))
    updated = _open_to(case.pk, actor).update(
        decided_by=actor,
        decided_at=timezone.now(),
        decision_id=uuid.uuid4(),
        postponed_until=None,
        **claims.FREE,
        **edited_fields(wording),
        **fields,
    )
    if not updated:
        raise refusal(case.pk, actor)
    case = Case.objects.get(pk=case.pk)
    if wording and wording.source != answers.answer_text(case):
        raise AnswerOutdated(
            _("The answer is not the one that you saw any more. Nothing was sent: look again.")
        )
    record(case, kind, actor, **({"edited": True} if case.edited_answer else {}))
    delivery.queue_answer(case)
    catalogue_changed()  # a decision tells what similarities mean, as a reference does
    return case


def check_rejection(reason: str, text: str) -> None:
    """A reason from the list; words where the list has none."""
    if reason not in Case.RejectionReason.values:
        raise InvalidDecision(_("Choose a reason for the rejection."))
    if reason == Case.RejectionReason.OTHER and not text.strip():
        raise InvalidDecision(_("Write the reason of the rejection."))


def edited_fields(wording: Wording | None) -> dict[str, str]:
    """How a case keeps an edited answer; a generated one is not kept."""
    if wording is None or not wording.is_edited:
        return {"edited_answer": "", "edited_from": ""}
    return {"edited_answer": wording.text, "edited_from": wording.source}


def check_claim(case: Case, actor: User) -> None:
    """Raise `Claimed` while a colleague has the case reserved."""
    if case.claimant not in (None, actor):
        raise Claimed(claims.refusal(case))


def _open_to(case_id: int, actor: User) -> QuerySet[Case]:
    """The case, if it waits for a decision and nobody but `actor` has reserved it."""
    return Case.objects.filter(claims.is_free_for(actor), pk=case_id, state=Case.State.PENDING)


def lock_pending(case_id: int, actor: User) -> Case:
    """The case, locked until the transaction ends; `Conflict` unless `actor` may work on it."""
    case = Case.objects.select_for_update().get(pk=case_id)
    if case.state != Case.State.PENDING:
        raise refusal(case_id, actor)
    check_claim(case, actor)
    return case


def refusal(case_id: int, actor: User) -> Conflict:
    """Why `actor` can't go on: who was first or has the case open, or what it is doing."""
    case = Case.objects.select_related("decided_by", "claimed_by").get(pk=case_id)
    if case.state == Case.State.PENDING and case.claimant not in (None, actor):
        return Claimed(claims.refusal(case))
    if case.decided_by is None:
        return Conflict(
            _("The case is in the state “%(state)s”; nothing was changed.")
            % {"state": case.get_state_display()}
        )
    return Conflict(
        _("%(who)s was first: the case was %(state)s at %(when)s. Nothing was changed.")
        % {
            "who": claims.name_of(case.decided_by),
            "state": case.get_state_display(),
            "when": timezone.localtime(case.decided_at).strftime("%d/%m/%Y %H:%M"),
        }
    )


def _check_verdict(verdict: str, implant: Implant | None) -> None:
    if verdict and verdict not in Finding.Verdict.values:
        raise InvalidDecision(_("Choose a verdict from the list."))
    if (verdict in Finding.NAMES_IMPLANT) != (implant is not None):
        raise InvalidDecision(
            _("“Identified” and “probable” need an implant; the other verdicts need none.")
        )
