"""Stores what came in and asks for its processing, both or neither."""

import hashlib
import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from raiox.common import correlation
from raiox.common.jobs import job
from webhooks.body import Body, storable
from webhooks.models import InboundEvent, JotformForm
from webhooks.resources import JotformSubmission

logger = logging.getLogger(__name__)
# Known by name only: the story of a case belongs to another application.
OPEN_CASE = "cases.open_case"
_FORM = "SELECT form_id FROM jotform_forms WHERE form_id = %s"
_DEFAULT_FORM = "SELECT form_id FROM jotform_forms WHERE is_default"
Kind = InboundEvent.Kind


@transaction.atomic
def receive(body: Body, raw: bytes) -> InboundEvent:
    """Store the event; defer `cases.open_case` in the same transaction when its form is known."""
    form_id = _form_of(body)
    event = InboundEvent.objects.create(
        kind=body.kind,
        form_id=form_id or body.form_id,
        submission_id=body.submission_id or _direct_id(body, raw),
        payload=_redacted(body.payload, (*settings.WEBHOOK_TOKENS, *settings.JF_SECRET)),
        correlation_id=correlation.current(),
        **_verdict(body, form_id),
    )
    if event.state == InboundEvent.State.RECEIVED:
        defer_open_case(event)
    facts = {"event_id": event.pk, "kind": event.kind, "state": event.state}
    transaction.on_commit(lambda: logger.info("webhook stored", extra=facts))
    return event


def receive_found(found: JotformSubmission) -> InboundEvent:
    """Store what Jotform's API told of a submission, as if a webhook had brought it."""
    # What is unanswered there was perhaps answered before: it is said, unlike in a webhook.
    answers = {qid: {"answer": row.answer or ""} for qid, row in found.answers.items()}
    payload = storable({"formID": found.form_id, "submissionID": found.id, "answers": answers})
    return receive(Body(Kind.SWEPT, payload, found.form_id, found.id), b"")


def defer_open_case(event: InboundEvent, *, at: datetime | None = None) -> None:
    """Ask for the processing of `event`, not before `at`."""
    job(OPEN_CASE, schedule_at=at).defer(event_id=event.pk, correlation_id=event.correlation_id)


@transaction.atomic
def wait_for_quota(event: InboundEvent, until: datetime) -> None:
    """Process `event` when Jotform's quota is back; meanwhile it says what it waits for."""
    InboundEvent.objects.filter(pk=event.pk).update(
        reason=f"waits for Jotform's quota until {until.isoformat(timespec='minutes')}"
    )
    defer_open_case(event, at=until)
    facts = {"event_id": event.pk, "until": until.isoformat()}
    logger.warning("event waits for jotform's quota", extra=facts)


def _form_of(body: Body) -> str | None:
    """The id of the form of ours that `body` is for; in SQL: the ORM takes six times as long."""
    if body.kind == Kind.OTHER:
        return None
    with connection.cursor() as cursor:
        if body.form_id:
            cursor.execute(_FORM, [body.form_id])
        else:
            cursor.execute(_DEFAULT_FORM)
        row = cursor.fetchone()
    return row[0] if row else None


def _verdict(body: Body, form_id: str | None) -> dict[str, str]:
    if form_id:
        return {"state": InboundEvent.State.RECEIVED}
    if body.kind == Kind.OTHER:
        reason = "unknown shape" if body.payload else "empty body"
    else:
        reason = "unknown form" if body.form_id else "no default form"
    return {"state": InboundEvent.State.IGNORED, "reason": reason}


def _direct_id(body: Body, raw: bytes) -> str:
    """A direct case has no submission: the same body is the same case."""
    return f"direct-{hashlib.sha256(raw).hexdigest()}" if body.kind == Kind.DIRECT else ""


def _redacted(value: Any, secrets: tuple[str, ...]) -> Any:
    """`value` without our own secrets: Jotform echoes the webhook's address."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, list):
        return [_redacted(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _redacted(item, secrets) for key, item in value.items()}
    return value


@transaction.atomic
def try_again(event: InboundEvent) -> bool:
    """Process an event that failed, or whose form was not known then; False if it is neither."""
    states = (InboundEvent.State.FAILED, InboundEvent.State.IGNORED)
    if not (event.submission_id and JotformForm.objects.filter(form_id=event.form_id).exists()):
        return False
    again = InboundEvent.objects.filter(pk=event.pk, state__in=states)
    if not again.update(state=InboundEvent.State.RECEIVED, reason=""):
        return False
    defer_open_case(event)
    return True
