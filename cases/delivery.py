"""Writes answers into Jotform: after a grace, once, and says what happened.

Each attempt is a row. A job may die between writing and recording, so an attempt that was begun
before reads the submission first and writes only what is not there yet. Right before it writes, it
makes sure that its job was not given to another run meanwhile.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from cases import answers, queue
from cases.events import record
from cases.models import Case, CaseEvent, Delivery
from cases.notices import telling
from raiox.common import runs
from webhooks.client import JotformClient, client_from_settings
from webhooks.errors import (
    Call,
    JotformError,
    NotConfigured,
    NotFound,
    Permanent,
    QuotaExceeded,
    ReadOnlyKey,
    Transient,
    Unauthorized,
)
from webhooks.models import JotformForm
from webhooks.resources import JotformSubmission

logger = logging.getLogger(__name__)
State, Kind, Reason = Delivery.State, Delivery.Kind, Delivery.Reason
MAX_ATTEMPTS = 8
_LOST_AFTER = timedelta(minutes=5)
OPEN = (State.QUEUED, State.WAITING)
"""States of an attempt that has not ended."""
_EVENTS = {
    State.SENT: CaseEvent.Kind.DELIVERY_SENT,
    State.RETRYING: CaseEvent.Kind.DELIVERY_RETRYING,
    State.FAILED: CaseEvent.Kind.DELIVERY_FAILED,
    State.WAITING: CaseEvent.Kind.DELIVERY_WAITING,
    State.CANCELLED: CaseEvent.Kind.DELIVERY_CANCELLED,
}


class NoResultQuestion(Permanent):
    """The form's result question is not mapped: there is no place to write to."""


_REASONS: tuple[tuple[type[JotformError], Delivery.Reason], ...] = (
    (NotConfigured, Reason.NO_API_KEY),
    (ReadOnlyKey, Reason.READ_ONLY_KEY),
    (Unauthorized, Reason.UNAUTHORIZED),
    (NotFound, Reason.NOT_FOUND),
    (NoResultQuestion, Reason.NO_RESULT_QUESTION),
)


class Busy(Exception):
    """Another worker is delivering for this case right now; try again shortly."""


def queue_answer(case: Case) -> None:
    """Queue the answer to a decided case, to go out after the grace."""
    if case.is_direct:
        record(case, CaseEvent.Kind.NOTHING_TO_DELIVER)
        return
    due_at = timezone.now() + timedelta(seconds=settings.DELIVERY_GRACE_SECONDS)
    _queue(case, Kind.ANSWER, answers.text_to_send(case), case.decision_id, due_at)


def queue_received_text(case: Case) -> None:
    """Queue the notice of receipt, where the form wants it."""
    if case.form.sends_received_text and not case.is_direct:
        _queue(case, Kind.RECEIVED, answers.received_text(case), None, timezone.now())


@transaction.atomic
def send_again(case: Case, actor: User) -> Delivery | None:
    """A person's button after a failure: queue the current decision's answer, to go at once.

    None when there is no failed answer to send, or somebody else has just asked for it. Raises
    `Outdated` when the case no longer gives the answer that was decided: nobody has approved
    another one.
    """
    case = Case.objects.select_for_update().get(pk=case.pk)
    if case.decision_id is None:
        return None
    last = case.deliveries.filter(kind=Kind.ANSWER, decision_id=case.decision_id).last()
    if last is None or last.state != State.FAILED:
        return None
    text = answers.text_to_send(case)
    if last.text not in (text, answers.as_correction(text)):
        raise answers.Outdated
    return _queue(case, Kind.ANSWER, text, case.decision_id, timezone.now(), actor=actor)


def cancel_queued(case: Case) -> None:
    """Undo: what has not begun will not be sent."""
    for row in case.deliveries.filter(kind=Kind.ANSWER, state__in=OPEN, started_at=None):
        _end(row, State.CANCELLED, reason=Reason.UNDONE)


def resume_due() -> int:
    """Send what waited and may go now, and what lost its job to a crash; the count."""
    now = timezone.now()
    long_ago = now - _LOST_AFTER
    may_go = Q(reason=Reason.QUOTA, due_at__lte=now) | Q(
        reason=Reason.PAUSED, case__form__deliveries_paused=False
    )
    lost = Q(state=State.QUEUED, due_at__lte=long_ago) & (
        Q(started_at=None) | Q(started_at__lte=long_ago)
    )
    rows = Delivery.objects.filter((Q(state=State.WAITING) & may_go) | lost)
    return _resume(rows.values_list("pk", flat=True))


def may_have_been_read(case: Case, *, but_not: UUID | None = None) -> bool:
    """Whether an answer of an earlier decision than `but_not` can stand in Jotform.

    A write whose outcome nobody saw counts; what was certainly not written does not.
    """
    rows = case.deliveries.filter(_may_stand_in_jotform())
    return rows.exclude(decision_id=but_not).exists()


def may_have_been_read_among(cases: Iterable[Case]) -> set[int]:
    """The ids of those cases of which an answer can stand in Jotform, in one query."""
    rows = Delivery.objects.filter(_may_stand_in_jotform(), case__in=[case.pk for case in cases])
    return set(rows.values_list("case_id", flat=True))


def _may_stand_in_jotform() -> Q:
    written = Q(state__in=[State.SENT, State.RETRYING]) | Q(
        state=State.FAILED, reason__in=[Reason.UNREACHABLE, Reason.ALTERED]
    )
    # Without a start nothing was asked of Jotform, whoever is to blame.
    begun = Q(state__in=[*OPEN, State.CANCELLED]) | Q(state=State.FAILED, reason=Reason.OUR_FAULT)
    return (written | (begun & Q(started_at__isnull=False))) & Q(kind=Kind.ANSWER)


def deliver(case_id: int, decision_id: UUID | None) -> None:
    """Make the open attempt for this decision (None: the notice of receipt), if there is one.

    Raises `Busy` while another worker does it, `Superseded` when another run has the job by now.
    Every other outcome is written down.
    """
    with only_one_for(case_id):
        row = (
            Delivery.objects.select_related("case__form")
            .filter(case=case_id, decision_id=decision_id, state__in=OPEN)
            .first()
        )
        if row is not None:
            began_before = row.started_at is not None or row.attempt > 1
            if _begin(row):
                _attempt(row, read_first=began_before)


@transaction.atomic
def _begin(row: Delivery) -> bool:
    """Note that the attempt begins, if it is still wanted; otherwise its row says why not.

    Under the case's lock: an undo comes before this, and cancels it, or after it.
    """
    runs.hold()
    case = Case.objects.select_for_update().select_related("form").get(pk=row.case_id)
    if row.kind == Kind.ANSWER and row.decision_id != case.decision_id:
        _end(row, State.CANCELLED, reason=Reason.SUPERSEDED)
        return False
    if row.kind == Kind.RECEIVED and case.deliveries.filter(kind=Kind.ANSWER).exists():
        _end(row, State.CANCELLED, reason=Reason.ANSWER_CAME_FIRST)
        return False
    if not row.text:  # deleted with the case's personal data: it would empty what stands there
        if row.kind == Kind.RECEIVED:  # nobody waits for it any more
            _end(row, State.CANCELLED)
        else:
            _end(row, State.FAILED, reason=Reason.OUR_FAULT)
        return False
    if case.form.deliveries_paused:
        _wait(row, Reason.PAUSED, row.due_at, was_written=row.started_at is not None)
        return False
    is_first = row.kind == Kind.ANSWER and row.attempt == 1 and row.started_at is None
    if is_first and may_have_been_read(case, but_not=row.decision_id):
        row.text = answers.as_correction(row.text)
    row.started_at = timezone.now()
    still_open = Delivery.objects.filter(pk=row.pk, state__in=OPEN)
    if not still_open.update(started_at=row.started_at, text=row.text):
        return False
    record(case, CaseEvent.Kind.DELIVERY_STARTED, kind=row.kind, attempt=row.attempt)
    return True


def _attempt(row: Delivery, *, read_first: bool) -> None:
    try:
        call = _write(row, read_first=read_first)
    except QuotaExceeded as error:
        _note(row, error.call)
        _wait(row, Reason.QUOTA, error.retry_at, was_written=read_first)
    except Transient as error:
        _note(row, error.call)
        _repeat_later(row, Reason.UNREACHABLE)
    except JotformError as error:
        _note(row, error.call)
        _end(row, State.FAILED, reason=_reason(error), detail=str(error))
    except runs.Superseded:
        raise
    except Exception:
        # Bounded and visible like Jotform's failures, and not blamed on Jotform.
        logger.exception("delivery failed", extra={"case_id": row.case_id})
        _repeat_later(row, Reason.OUR_FAULT)
    else:
        _note(row, call)
        _end(row, State.SENT)


def _write(row: Delivery, *, read_first: bool) -> Call | None:
    """Write the text, unless it is there already; holds no transaction open."""
    case = row.case
    if not case.form.qid_result:
        raise NoResultQuestion("no result question is mapped")
    client = client_from_settings()
    if read_first and _is_there(client, row):
        return client.last_call
    runs.check()  # also that the session lives on, and with it the lock on this case's deliveries
    return client.update_answer(case.submission_id, case.form.qid_result, row.text)


def _is_there(client: JotformClient, row: Delivery) -> bool:
    return is_same(
        result_of(client.get_submission(row.case.submission_id), row.case.form), row.text
    )


def result_of(submission: JotformSubmission, form: JotformForm) -> str:
    """What stands in the result question; empty when it is unanswered."""
    found = submission.answers.get(form.qid_result)
    return found.answer if found and isinstance(found.answer, str) else ""


def is_same(there: str, text: str) -> bool:
    """Whether what stands in Jotform is `text`; line breaks and spaces may have been changed."""
    return there.split() == text.split()


def _repeat_later(row: Delivery, reason: Delivery.Reason) -> None:
    """This attempt is over; another follows, later each time, until there were enough."""
    if row.attempt >= MAX_ATTEMPTS:
        _end(row, State.FAILED, reason=reason)
        return
    seconds = min(settings.DELIVERY_RETRY_SECONDS * 3 ** (row.attempt - 1), 6 * 3600)
    due_at = timezone.now() + timedelta(seconds=seconds)
    with transaction.atomic():
        if _end(row, State.RETRYING, reason=reason):
            _queue(row.case, row.kind, row.text, row.decision_id, due_at, attempt=row.attempt + 1)


def _queue(
    case: Case,
    kind: str,
    text: str,
    decision_id: UUID | None,
    due_at: datetime,
    *,
    attempt: int = 1,
    actor: User | None = None,
) -> Delivery:
    row = Delivery.objects.create(
        case=case, kind=kind, text=text, decision_id=decision_id, due_at=due_at, attempt=attempt
    )
    record(case, CaseEvent.Kind.DELIVERY_QUEUED, actor, kind=kind, attempt=attempt)
    queue.defer_delivery(case, decision_id, due_at)
    return row


def _reason(error: JotformError) -> Delivery.Reason:
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.REFUSED)


@transaction.atomic
def _end(row: Delivery, state: Delivery.State, *, reason: str = "", detail: str = "") -> bool:
    """Close the attempt; False when somebody else closed it before."""
    runs.hold()
    open_row = Delivery.objects.filter(pk=row.pk, state__in=OPEN)
    if not open_row.update(state=state, reason=reason, finished_at=timezone.now()):
        return False
    facts = {"kind": row.kind, "attempt": row.attempt, "reason": reason}
    record(row.case, _EVENTS[state], **facts, detail=detail[:300])
    if state == State.FAILED:
        telling.delivery_failed(row)
    return True


@transaction.atomic
def _wait(
    row: Delivery, reason: Delivery.Reason, due_at: datetime, *, was_written: bool = False
) -> None:
    """Keep the attempt for later; `resume_due` wakes it."""
    runs.hold()
    changes = {"state": State.WAITING, "reason": reason, "due_at": due_at}
    if not was_written:
        changes["started_at"] = None
    if not Delivery.objects.filter(pk=row.pk, state__in=OPEN).update(**changes):
        return
    facts = {"kind": row.kind, "reason": reason, "until": due_at.isoformat()}
    record(row.case, CaseEvent.Kind.DELIVERY_WAITING, **facts)


@transaction.atomic
def _resume(pks: Iterable[int]) -> int:
    rows = list(Delivery.objects.select_for_update().filter(pk__in=list(pks), state__in=OPEN))
    for row in rows:
        row.state, row.reason, row.due_at = State.QUEUED, "", timezone.now()
        row.save(update_fields=["state", "reason", "due_at"])
        queue.defer_delivery(row.case, row.decision_id, row.due_at)
    return len(rows)


def _note(row: Delivery, call: Call | None) -> None:
    """Keep what Jotform answered: status, duration, shortened body."""
    if call is None:
        return
    row.status_code, row.duration_ms, row.response = call.status, call.duration_ms, call.body
    row.save(update_fields=["status_code", "duration_ms", "response"])


@contextmanager
def only_one_for(case_id: int) -> Iterator[None]:
    """One delivery of a case at a time, without a transaction held open across requests.

    A lock of the session: PostgreSQL lets go of it when the worker dies.
    """
    key = f"delivery:{case_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        if not cursor.fetchone()[0]:
            raise Busy
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
