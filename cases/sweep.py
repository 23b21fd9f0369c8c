"""Finds what webhooks missed: asks Jotform what there is and compares it with what we have.

Submissions that are not here come in like those of a webhook. Where a case disagrees with Jotform
nothing is overwritten: people are told.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from cases import disagreement
from cases.delivery import result_of
from cases.files import files_differ
from cases.models import Case
from cases.privacy.models import ErasedSubmission
from raiox.common.correlation import correlated
from webhooks import inbox
from webhooks.client import JotformClient, client_from_settings
from webhooks.errors import JotformError, NotConfigured, QuotaExceeded
from webhooks.models import InboundEvent, JotformForm
from webhooks.resources import JotformSubmission
from webhooks.submission import Submission, from_answers

logger = logging.getLogger(__name__)
OVERLAP: Final = timedelta(hours=48)
DELETED: Final = "DELETED"


@dataclass
class Found:
    """What a sweep of one form came upon: counts of submissions and cases."""

    seen: int = 0
    missing: int = 0
    edited: int = 0
    altered: int = 0
    gone: int = 0


def sweep_all() -> None:
    """The periodic sweep: a form that fails is left for the next time, a used-up quota ends it."""
    if not settings.JOTFORM_API_KEY:
        return
    for form in JotformForm.objects.all():
        try:
            sweep(form)
        except QuotaExceeded as error:
            until = error.retry_at.isoformat()
            logger.warning("sweep stopped: limit used up", extra={"until": until})
            return
        except JotformError as error:
            facts = {"form_id": form.form_id, "error": type(error).__name__}
            logger.warning("sweep of a form broke off", extra=facts)


def sweep(form: JotformForm, *, since: datetime | None = None, dry_run: bool = False) -> Found:
    """Compare a form's submissions with ours, those created after `since` or all since the last
    sweep, overlapping by `OVERLAP`.

    Raises `JotformError`; what was found until then is kept, and the next sweep begins anew.
    """
    began, start = timezone.now(), since or _start(form)
    client, found = client_from_settings(), Found()
    results = _bring_in(client, form, start, found, dry_run=dry_run)
    for verdict in disagreement.look(client, form, results, start, began, dry_run=dry_run):
        found.altered += verdict == disagreement.ALTERED
        found.gone += verdict == disagreement.GONE
    if since is None and not dry_run:
        JotformForm.objects.filter(pk=form.pk).update(swept_at=began)
    logger.info("form swept", extra={"form_id": form.form_id, **vars(found)})
    return found


def check_configured() -> None:
    """Raise `NotConfigured` where there is nobody to ask."""
    if not settings.JOTFORM_API_KEY:
        raise NotConfigured("JOTFORM_API_KEY is missing: there is nobody to ask")


def _start(form: JotformForm) -> datetime:
    """Nobody knows in whose time zone Jotform counts, and a webhook may be days late."""
    return (form.swept_at or form.created_at) - OVERLAP


def _bring_in(
    client: JotformClient, form: JotformForm, start: datetime, found: Found, *, dry_run: bool
) -> dict[str, str]:
    """Take over what is not here; what stands in the result question, by submission."""
    results: dict[str, str] = {}
    for listed in client.list_submissions(form.form_id, created_after=start):
        if listed.status == DELETED:
            continue
        found.seen += 1
        results[listed.id] = result_of(listed, form)
        lack = _lack(form, listed)
        if lack:
            setattr(found, lack, getattr(found, lack) + 1)
            if not dry_run:
                with correlated(""):
                    event = inbox.receive_found(listed)
                    facts = {"event_id": event.pk, "lack": lack}
                    logger.warning("webhook never came: taken over", extra=facts)
    return results


def _lack(form: JotformForm, listed: JotformSubmission) -> str:
    """`missing`: no case came of it; `edited`: its case does not know an edit; else empty."""
    digest = ErasedSubmission.digest_of(form.form_id, listed.id)
    if ErasedSubmission.objects.filter(digest=digest).exists():
        return ""
    answers = {qid: row.answer for qid, row in listed.answers.items()}
    submission = from_answers(answers, form, listed.id, is_whole=True)
    if not _is_news(submission):
        return ""
    case = Case.objects.filter(form=form, submission_id=listed.id).first()
    if case is None:
        return "missing"
    return "edited" if _differs(case, submission) else ""


def _is_news(submission: Submission) -> bool:
    """Not, when it waits for its processing, failed (people are told), or was swept already."""
    events = InboundEvent.objects.of_submission(submission.form_id, submission.submission_id)
    last = events.order_by("-pk").first()
    if last is None:
        return True
    if last.state in (InboundEvent.State.RECEIVED, InboundEvent.State.FAILED):
        return False
    return last.kind != InboundEvent.Kind.SWEPT or last.digest != submission.digest


def _differs(case: Case, submission: Submission) -> bool:
    """Whether the case holds other answers; one without personal data is not filled again."""
    if case.personal_data_deleted_at is not None:
        return False
    if any(getattr(case, name) != value for name, value in submission.fields.items()):
        return True
    return files_differ(case, submission)
