"""From a stored event to a case: once for each submission, whatever Jotform sends twice."""

import logging

from django.db import connection, transaction
from django.db.models import QuerySet

from cases import delivery, files, queue, teeth
from cases.events import record
from cases.models import Case, CaseEvent, Finding
from cases.notices import telling
from cases.privacy.models import ErasedSubmission
from raiox.common import correlation, runs
from webhooks.client import JotformClient, client_from_settings
from webhooks.errors import JotformError, Permanent
from webhooks.models import InboundEvent, JotformForm
from webhooks.submission import (
    AnswersMissing,
    Submission,
    from_answers,
    from_event,
    without_answers,
)

logger = logging.getLogger(__name__)
State = InboundEvent.State


def open_case(event_id: int) -> Case | None:
    """Process one event: open its case, update it, or tell that it was a duplicate.

    Safe to repeat. Raises the Jotform client's transient errors, for the job to be retried.
    """
    event = InboundEvent.objects.get(pk=event_id)
    if event.state != State.RECEIVED:
        return None
    form = JotformForm.objects.get(form_id=event.form_id)
    submission = read_submission(event, form)
    with transaction.atomic():
        runs.hold()
        return _apply(event.pk, form, submission)


def _was_erased(event: InboundEvent) -> bool:
    """What somebody had erased must not come back, however often Jotform sends it."""
    digest = ErasedSubmission.digest_of(event.form_id, event.submission_id)
    return ErasedSubmission.objects.filter(digest=digest).exists()


def mark_failed(event_id: int, reason: str) -> None:
    """Say of an event that it could not be processed; a person can have it tried again."""
    with transaction.atomic():
        runs.hold()
        failed = InboundEvent.objects.filter(pk=event_id, state=State.RECEIVED).update(
            state=State.FAILED, reason=reason[:300]
        )
        if failed:
            telling.event_failed(event_id)


def read_submission(event: InboundEvent, form: JotformForm) -> Submission:
    """What the event says, completed by Jotform's API where the event lacks something."""
    try:
        told = from_event(event, form, must_have_images=bool(form.qid_images))
    except AnswersMissing:
        pass
    else:
        return _with_all_files(told, event, form) if files.lacks_some(told) else told
    try:
        return _ask_jotform(client_from_settings(), event, form)
    except Permanent as error:
        logger.warning("submission not read from Jotform", extra={"reason": str(error)})
    # Nobody can say more about it: what came counts, and the case says that no image did.
    try:
        return from_event(event, form, must_have_images=False)
    except AnswersMissing:
        return without_answers(event, form)


def _with_all_files(told: Submission, event: InboundEvent, form: JotformForm) -> Submission:
    """As Jotform's API has it; where that can't be asked now, the sweep will, of recent ones."""
    try:
        return _ask_jotform(client_from_settings(), event, form)
    except JotformError as error:
        logger.warning("files not read from Jotform", extra={"error": type(error).__name__})
        return told


def _ask_jotform(client: JotformClient, event: InboundEvent, form: JotformForm) -> Submission:
    answers = client.get_submission(event.submission_id).answers
    return from_answers(
        {qid: answer.answer for qid, answer in answers.items()},
        form,
        event.submission_id,
        is_whole=True,
    )


def _apply(event_id: int, form: JotformForm, submission: Submission) -> Case | None:
    """Under a lock on the submission: two deliveries at once become one case."""
    lock_submission(submission.form_id, submission.submission_id)
    event = InboundEvent.objects.select_for_update().get(pk=event_id)
    if event.state != State.RECEIVED:
        return None
    if _was_erased(event):
        event.delete()
        return None
    last = _last_processed(submission)
    if last is not None and last.pk > event.pk:
        # Several workers: an edit may overtake the delivery before it, and it holds everything.
        _finish(event, State.IGNORED, submission, reason="a later delivery came first")
        return None
    if last is not None and last.digest == submission.digest and not _is_new_word(event, last):
        _finish(event, State.DUPLICATE, submission)
        return None
    case = _take_over(form, submission)
    _finish(event, State.PROCESSED, submission)
    return case


def lock_submission(form_id: str, submission_id: str) -> None:
    """Until the transaction ends nobody else opens, changes or erases the case of a submission."""
    key = f"intake:{form_id}:{submission_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _last_processed(submission: Submission) -> InboundEvent | None:
    """The latest event of this submission that changed something."""
    events: QuerySet[InboundEvent] = InboundEvent.objects.of_submission(
        submission.form_id, submission.submission_id
    )
    return events.filter(state=State.PROCESSED).order_by("-pk").first()


def _is_new_word(event: InboundEvent, last: InboundEvent) -> bool:
    """Whether the sweep found what webhooks can't say: that an answer was cleared.

    A digest leaves empty answers out, since webhooks do.
    """
    return event.kind == InboundEvent.Kind.SWEPT and last.kind != InboundEvent.Kind.SWEPT


def _finish(
    event: InboundEvent, state: InboundEvent.State, submission: Submission, *, reason: str = ""
) -> None:
    event.state, event.digest, event.reason = state, submission.digest, reason
    event.save(update_fields=["state", "digest", "reason"])
    facts = {"event_id": event.pk, "state": str(state), "reason": reason}
    transaction.on_commit(lambda: logger.info("webhook processed", extra=facts))


def _take_over(form: JotformForm, submission: Submission) -> Case:
    case = (
        Case.objects.select_for_update()
        .filter(form=form, submission_id=submission.submission_id)
        .first()
    )
    return _update(case, submission) if case else _create(form, submission)


def _create(form: JotformForm, submission: Submission) -> Case:
    case = Case.objects.create(
        form=form,
        submission_id=submission.submission_id,
        is_direct=submission.is_direct,
        correlation_id=correlation.current(),
        **submission.fields,
    )
    images = files.add_images(case, submission)
    Finding.objects.create(case=case, tooth=case.tooth)
    record(case, CaseEvent.Kind.RECEIVED, images=images)
    queue.defer_analysis(case)
    delivery.queue_received_text(case)
    return case


def _update(case: Case, submission: Submission) -> Case:
    """An edited submission: taken over; analysed before the decision, flagged after it."""
    old_tooth = case.tooth
    changed = [name for name, value in submission.fields.items() if getattr(case, name) != value]
    new_images = files.add_images(case, submission)
    moved = files.mark_withdrawn(case, submission)
    if not (changed or new_images or moved):
        return case  # answers that mean nothing to us
    for name in changed:
        setattr(case, name, submission.fields[name])
    case.changed_after_decision = case.is_decided
    case.save()
    said = {"fields": changed, "images": new_images, **moved}
    if case.is_decided:
        # The findings stay as they were decided; `reopen` needs to know what they followed.
        record(case, CaseEvent.Kind.CHANGED_AFTER_DECISION, **said, tooth=old_tooth)
        return case
    teeth.follow_dentist(case, old_tooth)
    record(case, CaseEvent.Kind.UPDATED, **said)
    if new_images:
        queue.defer_analysis(case)
    return case
