"""Writes answers into Jotform: after a grace, once, and says what happened.

Each attempt is a row. A job may die between writing and recording, so an attempt that was begun
before reads the submission first and writes only what is not there yet.
"""

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

State, Kind, Reason = Delivery.State, Delivery.Kind, Delivery.Reason
MAX_ATTEMPTS = 8
_LOST_AFTER = timedelta(minutes=5)
_OPEN = (State.QUEUED, State.WAITING)
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
    _queue(case, Kind.ANSWER, answers.answer_text(case), case.decision_id, due_at)


def queue_received_text(case: Case) -> None:
    """Queue the notice of receipt, where the form wants it."""
    if case.form.sends_received_text and not case.is_direct:
        _queue(case, Kind.RECEIVED, answers.received_text(case), None, timezone.now())


@transaction.atomic
def send_again(case: Case, actor: User) -> Delivery | None:
    """A person's button: queue the current decision's answer once more, at once."""
    if case.decision_id is None or case.is_direct:
        return None
    open_row = case.deliveries.filter(decision_id=case.decision_id, state__in=_OPEN).first()
    if open_row:
        return open_row
    text = answers.answer_text(case)
    return _queue(case, Kind.ANSWER, text, case.decision_id, timezone.now(), actor=actor)


def cancel_queued(case: Case) -> None:
    """Undo: what has not begun will not be sent."""
    for row in case.deliveries.filter(kind=Kind.ANSWER, state__in=_OPEN, started_at=None):
        _end(row, State.CANCELLED, reason=Reason.UNDONE)


def release(form: JotformForm) -> int:
    """Send what waited while the form's deliveries were paused; the count of cases."""
    rows = Delivery.objects.filter(case__form=form, state=State.WAITING, reason=Reason.PAUSED)
    return _resume(rows.values_list("pk", flat=True))


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


def deliver(case_id: int, decision_id: UUID | None) -> None:
    """Make the open attempt for this decision (None: the notice of receipt), if there is one.

    Raises `Busy` while another worker does it. Every other outcome is written down.
    """
    with _only_one_for(case_id):
        row = (
            Delivery.objects.select_related("case__form")
            .filter(case=case_id, decision_id=decision_id, state__in=_OPEN)
            .first()
        )
        if row is not None and _may_go(row):
            _attempt(row)


def _may_go(row: Delivery) -> bool:
    """Whether the attempt is still wanted, now; otherwise its row says why not."""
    case = row.case
    if row.kind == Kind.ANSWER and row.decision_id != case.decision_id:
        _end(row, State.CANCELLED, reason=Reason.SUPERSEDED)
        return False
    if row.kind == Kind.RECEIVED and case.deliveries.filter(kind=Kind.ANSWER).exists():
        _end(row, State.CANCELLED, reason=Reason.ANSWER_CAME_FIRST)
        return False
    if case.form.deliveries_paused:
        _wait(row, Reason.PAUSED, row.due_at)
        return False
    return True


def _attempt(row: Delivery) -> None:
    began_before = _begin(row)
    try:
        call = _write(row, read_first=began_before)
    except QuotaExceeded as error:
        _note(row, error.call)
        _wait(row, Reason.QUOTA, error.retry_at)
    except Transient as error:
        _note(row, error.call)
        _repeat_later(row)
    except JotformError as error:
        _note(row, error.call)
        _end(row, State.FAILED, reason=_reason(error), detail=str(error))
    else:
        _note(row, call)
        _end(row, State.SENT)


def _begin(row: Delivery) -> bool:
    """Note that the attempt begins; whether this answer may have been written before."""
    began_before = row.started_at is not None or row.attempt > 1
    if row.kind == Kind.ANSWER and row.started_at is None and row.attempt == 1:
        row.text = answers.as_correction(row.text) if _follows_another(row) else row.text
    row.started_at = timezone.now()
    row.save(update_fields=["started_at", "text"])
    return began_before


def _follows_another(row: Delivery) -> bool:
    """Whether the dentist may have read an answer of an earlier decision."""
    return (
        row.case.deliveries.filter(kind=Kind.ANSWER, started_at__isnull=False)
        .exclude(decision_id=row.decision_id)
        .exists()
    )


def _write(row: Delivery, *, read_first: bool) -> Call | None:
    """Write the text, unless it is there already; holds no transaction open."""
    case = row.case
    if not case.form.qid_result:
        raise NoResultQuestion("no result question is mapped")
    client = client_from_settings()
    if read_first and _is_there(client, row):
        return client.last_call
    return client.update_answer(case.submission_id, case.form.qid_result, row.text)


def _is_there(client: JotformClient, row: Delivery) -> bool:
    found = client.get_submission(row.case.submission_id).answers.get(row.case.form.qid_result)
    there = found.answer if found else None
    return isinstance(there, str) and there.split() == row.text.split()


def _repeat_later(row: Delivery) -> None:
    """This attempt is over; another follows, later each time, until there were enough."""
    if row.attempt >= MAX_ATTEMPTS:
        _end(row, State.FAILED, reason=Reason.UNREACHABLE)
        return
    seconds = min(settings.DELIVERY_RETRY_SECONDS * 3 ** (row.attempt - 1), 6 * 3600)
    due_at = timezone.now() + timedelta(seconds=seconds)
    with transaction.atomic():
        _end(row, State.RETRYING, reason=Reason.UNREACHABLE)
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
def _end(row: Delivery, state: Delivery.State, *, reason: str = "", detail: str = "") -> None:
    """Close the attempt, if it is still open."""
    open_row = Delivery.objects.filter(pk=row.pk, state__in=_OPEN)
    if open_row.update(state=state, reason=reason, finished_at=timezone.now()):
        facts = {"kind": row.kind, "attempt": row.attempt, "reason": reason}
        record(row.case, _EVENTS[state], **facts, detail=detail[:300])


@transaction.atomic
def _wait(row: Delivery, reason: Delivery.Reason, due_at: datetime) -> None:
    """Keep the attempt for later; `resume_due` and `release` wake it."""
    Delivery.objects.filter(pk=row.pk, state__in=_OPEN).update(
        state=State.WAITING, reason=reason, due_at=due_at
    )
    record(
        row.case,
        CaseEvent.Kind.DELIVERY_WAITING,
        kind=row.kind,
        reason=reason,
        until=due_at.isoformat(),
    )


@transaction.atomic
def _resume(pks: Iterable[int]) -> int:
    rows = list(Delivery.objects.select_for_update().filter(pk__in=list(pks), state__in=_OPEN))
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
def _only_one_for(case_id: int) -> Iterator[None]:
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
