"""What a reviewer has on her desk for one case: all its findings and the note, kept in one piece.

Her sheet knows what she had seen when she filled it in. If a colleague or the dentist has changed
the case since, nothing is written: a decision covers only what its reviewer saw.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from cases import answers, review
from cases.answers import Wording
from cases.events import record
from cases.models import Case, CaseEvent, Finding
from implants.models import Implant

Kind = CaseEvent.Kind
_CHANGES_WHAT_SHE_SAW = (
    Kind.UPDATED,
    Kind.FINDING_ADDED,
    Kind.FINDING_REMOVED,
    Kind.FINDING_CHANGED,
    Kind.SEARCH_REQUESTED,
    Kind.NOTE_CHANGED,
    Kind.ANSWER_EDITED,
)


@dataclass(frozen=True)
class Entry:
    """What the sheet says of one finding."""

    finding_id: int
    verdict: str
    implant: Implant | None
    tooth: str
    note: str


@dataclass(frozen=True)
class Sheet:
    """`last_seen` is the id of the newest event of the case that its reviewer had seen.

    Without a `wording` the answer was not on the sheet, and an edited one stays as it is.
    """

    entries: tuple[Entry, ...]
    note: str
    last_seen: int
    wording: Wording | None = None


def last_event_id(case: Case) -> int:
    """The newest event of the case, as a sheet's `last_seen`."""
    return case.events.order_by("-pk").values_list("pk", flat=True).first() or 0


@transaction.atomic
def save(case: Case, actor: User, sheet: Sheet) -> None:
    """Keep the sheet of a pending case; raises `ReviewError` and keeps nothing otherwise."""
    case = Case.objects.select_for_update().get(pk=case.pk)
    if case.state == Case.State.PENDING:
        review.check_claim(case, actor)
        _check_nothing_new(case, actor, sheet)
    for entry in sheet.entries:
        _save_entry(case, actor, entry)
    fields = {"note": sheet.note}
    if sheet.wording is not None:
        fields |= review.edited_fields(sheet.wording)
    if not Case.objects.filter(pk=case.pk, state=Case.State.PENDING).update(**fields):
        raise review.Conflict(_("The case is not open any more. Nothing was changed."))
    if fields["note"] != case.note:
        record(case, Kind.NOTE_CHANGED, actor)
    if fields.get("edited_answer", case.edited_answer) != case.edited_answer:
        record(case, Kind.ANSWER_EDITED, actor, taken_back=not fields["edited_answer"])


@transaction.atomic
def approve(case: Case, actor: User, sheet: Sheet) -> Case:
    """Keep the sheet and approve it."""
    save(case, actor, sheet)
    kept = Case.objects.get(pk=case.pk)
    wording = sheet.wording or answers.edited_wording(kept)
    return review.approve(case, actor, note=sheet.note, wording=wording)


@transaction.atomic
def add_finding(case: Case, actor: User, sheet: Sheet) -> Finding:
    """Keep the sheet and add one more implant to it."""
    save(case, actor, sheet)
    return review.add_finding(case, actor)


@transaction.atomic
def remove_finding(case: Case, actor: User, sheet: Sheet, finding_id: int) -> None:
    """Keep the rest of the sheet and take one finding off it."""
    rest = tuple(entry for entry in sheet.entries if entry.finding_id != finding_id)
    save(case, actor, replace(sheet, entries=rest))
    review.remove_finding(_finding(case, finding_id), actor)


@transaction.atomic
def request_analysis(case: Case, actor: User, sheet: Sheet) -> None:
    """Keep the sheet and ask for a new analysis."""
    save(case, actor, sheet)
    review.request_analysis(case, actor)


@transaction.atomic
def postpone(case: Case, actor: User, sheet: Sheet, until: datetime) -> Case:
    """Keep the sheet and put the case off."""
    save(case, actor, sheet)
    return review.postpone(case, actor, until=until)


def _check_nothing_new(case: Case, actor: User, sheet: Sheet) -> None:
    news = case.events.filter(pk__gt=sheet.last_seen, kind__in=_CHANGES_WHAT_SHE_SAW)
    event = news.exclude(actor=actor).select_related("actor").first()
    if event is None:
        return
    if event.actor is None:
        raise review.Conflict(
            _("The dentist edited the submission after you opened the case. Look again, then save.")
        )
    raise review.Conflict(
        _("%(who)s changed the findings after you opened the case. Look again, then save.")
        % {"who": event.actor.get_full_name() or event.actor.get_username()}
    )


def _save_entry(case: Case, actor: User, entry: Entry) -> None:
    finding = _finding(case, entry.finding_id)
    review.set_verdict(
        finding, actor, verdict=entry.verdict, implant=entry.implant, note=entry.note
    )
    if finding.tooth != entry.tooth:
        finding.tooth = entry.tooth
        finding.save(update_fields=["tooth"])
        record(case, Kind.FINDING_CHANGED, actor, finding=finding.pk, tooth=entry.tooth)


def _finding(case: Case, finding_id: int) -> Finding:
    """A finding of this very case; it may have been taken off it in another window."""
    finding = case.findings.filter(pk=finding_id).first()
    if finding is None:
        raise review.Conflict(_("A finding was removed meanwhile. Look again, then save."))
    return finding
