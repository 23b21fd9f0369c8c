"""What somebody is to be told, and whether she has been."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """One thing to tell one person (no person: the chat); never told twice."""

    class Channel(models.TextChoices):
        """How it goes out."""

        EMAIL = "email", _("e-mail")
        TELEGRAM = "telegram", "Telegram"

    class Topic(models.TextChoices):
        """What it speaks of; `about` says which one."""

        CASE = "case", _("a case waits")
        DELIVERY = "delivery", _("an answer could not be delivered")
        EVENT = "event", _("a submission could not be opened")
        WORKER = "worker", _("no worker is alive")
        ENCODER = "encoder", _("no encoder answers")
        SUMMARY = "summary", _("daily summary")

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("perhaps sent")
        DROPPED = "dropped", _("no longer needed")

    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=_("who"),
    )
    topic = models.CharField(_("topic"), max_length=10, choices=Topic)
    about = models.CharField(_("about"), max_length=40)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    taken_at = models.DateTimeField(_("taken in hand at"), null=True)

    class Meta:
        db_table = "notices"
        ordering = ["pk"]
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "user", "topic", "about"],
                nulls_distinct=False,
                name="notices_told_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=["waiting", "sending"]),
                name="notices_open_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_topic_display()} / {self.about}"
