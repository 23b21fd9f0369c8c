"""Who is told what, by which way and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from cases.models import ReviewerPreferences
from cases.notices.models import Notice
from cases.notices.times import next_digest

DECIDES = "cases.decide_case"
Channel, Topic = Notice.Channel, Notice.Topic


@dataclass(frozen=True)
class Recipient:
    """Somebody's mailbox; or, without a user, the chat."""

    channel: str
    user: User | None
    preferences: ReviewerPreferences

    @property
    def language(self) -> str:
        """The language she reads."""
        return self.preferences.language or settings.LANGUAGE_CODE


def mail_is_set_up() -> bool:
    """Whether this service can send e-mail at all."""
    return bool(settings.EMAIL_IS_CONFIGURED)


def telegram_is_set_up() -> bool:
    """Whether there is a chat to write to."""
    return bool(settings.TELEGRAM_BOT_TOKEN and settings.TELEGRAM_CHAT_ID)


def recipients() -> Iterator[Recipient]:
    """Everybody who can be reached, whatever she wants to hear."""
    if mail_is_set_up():
        users = list(_with_address())
        chosen = {row.user_id: row for row in ReviewerPreferences.objects.filter(user__in=users)}
        for user in users:
            preferences = chosen.get(user.pk) or ReviewerPreferences(user=user)
            yield Recipient(Channel.EMAIL, user, preferences)
    if telegram_is_set_up():
        yield Recipient(Channel.TELEGRAM, None, _of_the_chat())


def find(channel: str, user_id: int | None) -> Recipient | None:
    """The recipient of a notice that was written earlier, if she still can be reached."""
    for recipient in recipients():
        if (recipient.channel, recipient.user.pk if recipient.user else None) == (channel, user_id):
            return recipient
    return None


def due_at(recipient: Recipient, topic: str) -> datetime | None:
    """When she wants to hear of such a thing; None: never."""
    preferences = recipient.preferences
    if topic == Topic.SUMMARY:
        return timezone.now() if preferences.wants_summary else None
    if topic != Topic.CASE:
        return timezone.now() if preferences.wants_failures else None
    if preferences.case_mails == ReviewerPreferences.CaseMails.AT_ONCE:
        return timezone.now()
    if preferences.case_mails == ReviewerPreferences.CaseMails.DIGEST:
        return next_digest(timezone.now())
    return None


def _with_address() -> QuerySet[User]:
    backend = "django.contrib.auth.backends.ModelBackend"
    deciders: QuerySet[User] = User.objects.with_perm(DECIDES, backend=backend)
    return deciders.filter(is_staff=True).exclude(email="").order_by("pk")


def _of_the_chat() -> ReviewerPreferences:
    """Whoever set a chat up wants to hear of everything in it."""
    at_once = ReviewerPreferences.CaseMails.AT_ONCE
    return ReviewerPreferences(case_mails=at_once, wants_failures=True, wants_summary=True)
