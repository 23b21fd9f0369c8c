"""Where a case and its submission in Jotform don't agree: seen, told, never overwritten."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from cases.delivery import Busy, is_same, only_one_for, result_of
from cases.events import record
from cases.models import Case, CaseEvent, Delivery
from cases.notices import telling
from webhooks.client import JotformClient
from webhooks.errors import NotFound, Unauthorized
from webhooks.models import JotformForm

ALTERED: Final = "altered"
GONE: Final = "gone"
# Each is a call: what is left is looked at by the next sweep.
_MOST_READS: Final = 100
_DECIDED = (Case.State.APPROVED, Case.State.REJECTED)
State, Kind = Delivery.State, Delivery.Kind


def look(
    client: JotformClient,
    form: JotformForm,
    results: Mapping[str, str],
    since: datetime,
    began: datetime,
    *,
    dry_run: bool,
) -> Iterator[str]:
    """`ALTERED` or `GONE` for each case that newly disagrees, which is told to people.

    `results`: what stood in the result question of the submissions created after `since`, read
    after `began`. What seems to disagree is read once more, since answers go out meanwhile.
    """
    sent = _sent(form, results, form.swept_at or since, began)
    doubtful = [case for case in sent if not _agrees(case, results)]
    known = {case.pk for case in doubtful}
    doubtful += _unlisted(form, results, since, began).exclude(pk__in=known)
    for case in doubtful[:_MOST_READS]:
        verdict = _confirmed(client, case, dry_run=dry_run)
        if verdict:
            yield verdict


def is_gone(case: Case) -> bool:
    """Whether the submission was found deleted in Jotform."""
    return case.events.filter(kind=CaseEvent.Kind.GONE_FROM_JOTFORM).exists()


def was_altered(case: Case) -> bool:
    """Whether a person has to say what becomes of an answer that was changed in Jotform."""
    return case.is_decided and _alteration(case).exists()


@transaction.atomic
def leave_altered(case: Case, actor: User) -> bool:
    """A person's button: what stands in Jotform instead of our answer may stay there.

    False when there is nothing of the kind, or somebody else has said so or sent it again.
    """
    case = Case.objects.select_for_update().get(pk=case.pk)
    if not _alteration(case).update(state=State.CANCELLED):
        return False
    record(case, CaseEvent.Kind.ALTERATION_LEFT, actor)
    return True


def _alteration(case: Case) -> QuerySet[Delivery]:
    """What `_tell_altered` wrote, as long as nothing came of it."""
    last = case.deliveries.filter(kind=Kind.ANSWER).order_by("-pk").values("pk")[:1]
    return Delivery.objects.filter(
        pk__in=last, decision_id=case.decision_id, state=State.FAILED,
        reason=Delivery.Reason.ALTERED,
    )  # fmt: skip


def _sent(
    form: JotformForm, results: Mapping[str, str], since: datetime, began: datetime
) -> QuerySet[Case]:
    """Cases whose answer is said to stand in Jotform: the listed ones, and of the others those
    that were written after `since`; `sent_text` is the text."""
    last = Delivery.objects.filter(case=OuterRef("pk"), kind=Kind.ANSWER).order_by("-pk")
    return _known_to_jotform(form).annotate(
        sent_state=Subquery(last.values("state")[:1]),
        sent_decision=Subquery(last.values("decision_id")[:1]),
        sent_text=Subquery(last.values("text")[:1]),
        sent_at=Subquery(last.values("finished_at")[:1]),
    ).filter(
        Q(submission_id__in=results) | Q(sent_at__gte=since),
        state__in=_DECIDED, sent_state=State.SENT, sent_decision=F("decision_id"),
        sent_at__lt=began, personal_data_deleted_at=None,
    )  # fmt: skip


def _unlisted(
    form: JotformForm, results: Mapping[str, str], since: datetime, began: datetime
) -> QuerySet[Case]:
    """Cases of that time whose submission Jotform did not list."""
    return (
        _known_to_jotform(form)
        .filter(created_at__gte=since, created_at__lt=began)
        .exclude(submission_id__in=results)
    )


def _known_to_jotform(form: JotformForm) -> QuerySet[Case]:
    gone = Q(events__kind=CaseEvent.Kind.GONE_FROM_JOTFORM)
    return Case.objects.filter(form=form, is_direct=False).exclude(gone)


def _agrees(case: Case, results: Mapping[str, str]) -> bool:
    there = results.get(case.submission_id)
    return there is not None and is_same(there, vars(case)["sent_text"])


def _confirmed(client: JotformClient, case: Case, *, dry_run: bool) -> str:
    """Read the submission while no delivery can write it; empty when all is well after all."""
    try:
        with only_one_for(case.pk):
            return _verdict(client, case, dry_run=dry_run)
    except Busy:
        return ""


def _verdict(client: JotformClient, case: Case, *, dry_run: bool) -> str:
    try:
        submission = client.get_submission(case.submission_id)
    except (NotFound, Unauthorized):
        # The key is good: it has just listed the form.
        return GONE if dry_run or _tell_gone(case) else ""
    if submission.status == "DELETED":
        return GONE if dry_run or _tell_gone(case) else ""
    there = result_of(submission, case.form)
    row = case.deliveries.filter(kind=Kind.ANSWER).last()
    if row is None or row.state != State.SENT or is_same(there, row.text):
        return ""
    return ALTERED if dry_run or _tell_altered(row) else ""


@transaction.atomic
def _tell_gone(case: Case) -> bool:
    case = Case.objects.select_for_update().get(pk=case.pk)
    if is_gone(case):
        return False
    record(case, CaseEvent.Kind.GONE_FROM_JOTFORM)
    return True


@transaction.atomic
def _tell_altered(sent: Delivery) -> bool:
    """Put a failure behind the delivery that was sent, so that a person sees it and may repeat it.

    False when the case was decided anew or sent again meanwhile.
    """
    case = Case.objects.select_for_update().get(pk=sent.case_id)
    last = case.deliveries.filter(kind=Kind.ANSWER).last()
    if last is None or last.pk != sent.pk or case.decision_id != sent.decision_id:
        return False
    row = Delivery.objects.create(
        case=case,
        kind=Kind.ANSWER,
        decision_id=sent.decision_id,
        attempt=sent.attempt,
        state=State.FAILED,
        text=sent.text,
        reason=Delivery.Reason.ALTERED,
        finished_at=timezone.now(),
    )
    facts = {"kind": row.kind, "reason": row.reason}
    record(case, CaseEvent.Kind.DELIVERY_FAILED, **facts)
    telling.delivery_failed(row)
    return True
