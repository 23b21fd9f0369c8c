"""Writes notices down, in the transaction of what they speak of, and asks for their sending.

Nothing here may stop what it tells of: a fault ends in the log.
"""

import logging
from contextlib import suppress

from django.db import transaction
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from cases.models import Case, Delivery
from cases.notices.models import Notice
from cases.notices.people import due_at, recipients
from cases.notices.times import summary_day
from raiox.common.jobs import job

logger = logging.getLogger(__name__)
SEND = "cases.send_notices"
Topic = Notice.Topic


def case_waits(case: Case) -> None:
    """A new case waits for a decision."""
    _tell(Topic.CASE, case.pk)


def delivery_failed(row: Delivery) -> None:
    """An answer did not reach the dentist, and nothing tries again by itself."""
    _tell(Topic.DELIVERY, row.pk)


def event_failed(event_id: int) -> None:
    """A submission could not be opened as a case."""
    _tell(Topic.EVENT, event_id)


def encoder_missing() -> None:
    """Radiographs can't be compared; said once a day."""
    _tell(Topic.ENCODER, timezone.localdate())


def worker_missing(since: object) -> None:
    """Nobody takes jobs; `since` names the outage, each is told once."""
    _tell(Topic.WORKER, since)


def summary_due() -> None:
    """The day's summary, when its hour has come."""
    if day := summary_day(timezone.now()):
        _tell(Topic.SUMMARY, day)


def _tell(topic: Notice.Topic, about: object) -> None:
    try:
        with transaction.atomic():
            if _write(topic, str(about)):
                _ask_for_sending()
    except Exception:  # being told is worth less than what one is told of
        logger.exception("notice not written", extra={"topic": topic, "about": str(about)})


def _write(topic: Notice.Topic, about: str) -> bool:
    """A row for each who wants it and has none yet; whether anybody wants it now."""
    rows = [
        Notice(
            channel=recipient.channel, user=recipient.user, topic=topic, about=about, due_at=when
        )
        for recipient in recipients()
        if (when := due_at(recipient, topic))
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return any(row.due_at <= timezone.now() for row in rows)


def _ask_for_sending() -> None:
    """One waiting job is enough; what it just misses, the next minute's finds."""
    sending = job(SEND, lock=SEND, queueing_lock=SEND)
    with suppress(AlreadyEnqueued), transaction.atomic():
        sending.defer()
