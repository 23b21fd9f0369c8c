"""Sends what is due: all notices of one kind for one person in one message.

Rows are taken in hand before the message goes out, and no transaction is open meanwhile. What was
in hand when a worker died may have gone out: it is not sent again.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

from cases.notices import letters, mail, telegram
from cases.notices.models import Notice
from cases.notices.outcome import NotSent, PerhapsSent
from cases.notices.people import Recipient, due_at, find

logger = logging.getLogger(__name__)
Channel, State, Topic = Notice.Channel, Notice.State, Notice.Topic
# A burst is one message and, a minute later, one more.
QUIET = timedelta(minutes=1)
MAX_ATTEMPTS = 6
_LOST_AFTER = timedelta(minutes=10)
_KINDS: tuple[tuple[str, ...], ...] = (
    (Topic.CASE,),
    (Topic.SUMMARY,),
    (Topic.DELIVERY, Topic.EVENT, Topic.WORKER, Topic.ENCODER),
)


def send_due() -> int:
    """Send everything that is due; the count of messages that went out."""
    _give_up_lost()
    return sum(
        _send_to(channel, user_id, topics)
        for topics in _KINDS
        for channel, user_id in _due(topics).values_list("channel", "user").distinct().order_by()
    )


def _due(topics: Iterable[str]) -> QuerySet[Notice]:
    return Notice.objects.filter(state=State.WAITING, due_at__lte=timezone.now(), topic__in=topics)


def _send_to(channel: str, user_id: int | None, topics: tuple[str, ...]) -> int:
    rows = _take(channel, user_id, topics)
    if not rows:
        return 0
    recipient = find(channel, user_id)
    wanted = [row for row in rows if recipient and due_at(recipient, row.topic)]
    letter = None
    if recipient and wanted:
        with translation.override(recipient.language):
            letter = letters.write(wanted)
    if recipient is None or letter is None:
        _drop(rows)
        return 0
    return _dispatch(letter, recipient, rows)


@transaction.atomic
def _take(channel: str, user_id: int | None, topics: tuple[str, ...]) -> list[Notice]:
    """The due rows, now in hand; none within a minute of the last message of this kind."""
    _one_at_a_time(f"notices:{channel}:{user_id}:{topics[0]}")
    of_her = Notice.objects.filter(channel=channel, user=user_id, topic__in=topics)
    if of_her.filter(taken_at__gt=timezone.now() - QUIET).exists():
        return []
    rows = list(_due(topics).filter(channel=channel, user=user_id))
    changes = {"state": State.SENDING, "taken_at": timezone.now()}
    of_her.filter(pk__in=[row.pk for row in rows]).update(**changes)
    return rows


def _one_at_a_time(key: str) -> None:
    """Two workers must not each begin a message of their own; let go with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _dispatch(letter: letters.Letter, recipient: Recipient, rows: list[Notice]) -> int:
    facts = {"channel": recipient.channel, "topic": rows[0].topic, "count": len(rows)}
    try:
        _hand_over(letter, recipient, rows)
    except NotSent as error:
        logger.warning("notice not sent", extra={**facts, "reason": str(error)})
        _end_or_repeat(rows, error)
        return 0
    except PerhapsSent as error:
        logger.warning("notice perhaps sent", extra={**facts, "reason": str(error)})
        _end(rows, State.UNKNOWN)
        return 0
    except Exception as error:  # a fault of ours in one message must not hold up the others
        logger.warning("notice failed", extra={**facts, "reason": type(error).__name__})
        _end(rows, State.FAILED)
        return 0
    _end(rows, State.SENT)
    return 1


def _hand_over(letter: letters.Letter, recipient: Recipient, rows: list[Notice]) -> None:
    if recipient.channel == Channel.TELEGRAM:
        telegram.send_message(letter.text)
    elif recipient.user:
        mail.send_mail(letter, recipient.user.email, [row.pk for row in rows])


def _end_or_repeat(rows: list[Notice], error: NotSent) -> None:
    """Later each time (1, 4, 16 minutes …), until there were enough attempts."""
    for row in rows:
        row.attempts += 1
        if not error.transient or row.attempts >= MAX_ATTEMPTS:
            row.state = State.FAILED
            continue
        row.state, row.taken_at = State.WAITING, None
        row.due_at = _later(row.attempts)
    Notice.objects.bulk_update(rows, ["attempts", "state", "taken_at", "due_at"])


def _later(attempts: int) -> datetime:
    return timezone.now() + timedelta(minutes=4 ** (attempts - 1))


def _end(rows: list[Notice], state: Notice.State) -> None:
    pks = [row.pk for row in rows]
    Notice.objects.filter(pk__in=pks).update(state=state)


def _drop(rows: list[Notice]) -> None:
    """Decided meanwhile, or nobody wants to hear of it any more; no message, so no quiet after."""
    pks = [row.pk for row in rows]
    Notice.objects.filter(pk__in=pks).update(state=State.DROPPED, taken_at=None)


def _give_up_lost() -> None:
    """What was in hand when its worker died may have gone out."""
    long_ago = timezone.now() - _LOST_AFTER
    lost = Notice.objects.filter(state=State.SENDING, taken_at__lte=long_ago)
    if count := lost.update(state=State.UNKNOWN):
        logger.warning("notices perhaps sent", extra={"count": count})
