"""What was written back to Jotform, and what was asked for once."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.case import Case


class Delivery(models.Model):
    """One attempt to write a text into the submission's result question."""

    class Kind(models.TextChoices):
        """Which text."""

        RECEIVED = "received", _("notice of receipt")
        ANSWER = "answer", _("answer")

    class State(models.TextChoices):
        """How the attempt ended, or that it has not begun."""

        QUEUED = "queued", _("queued")
        SENT = "sent", _("sent")
        RETRYING = "retrying", _("failed, will be repeated")
        FAILED = "failed", _("failed")
        WAITING = "waiting", _("waiting")
        CANCELLED = "cancelled", _("cancelled")

    class Reason(models.TextChoices):
        """Why it did not go, or not yet."""

        PAUSED = "paused", _("the form's deliveries are paused")
        QUOTA = "quota", _("Jotform's daily limit is used up")
        UNDONE = "undone", _("the decision was undone in time")
        SUPERSEDED = "superseded", _("a later decision replaced it")
        ANSWER_CAME_FIRST = "answer_came_first", _("the answer came first")
        UNREACHABLE = "unreachable", _("Jotform could not be reached or failed")
        OUR_FAULT = "our_fault", _("something went wrong on our side")
        ALTERED = "altered", _("it was changed or removed in Jotform afterwards")
        UNAUTHORIZED = "unauthorized", _("Jotform refused: the key, or the submission is unknown")
        READ_ONLY_KEY = "read_only_key", _("the API key may only read")
        NO_API_KEY = "no_api_key", _("no API key is configured")  # pragma: allowlist secret
        NOT_FOUND = "not_found", _("Jotform does not know the submission")
        NO_RESULT_QUESTION = "no_result_question", _("the form has no result question mapped")
        REFUSED = "refused", _("Jotform refused the answer")

    case = models.ForeignKey(
        Case, models.CASCADE, related_name="deliveries", verbose_name=_("case")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.ANSWER)
    decision_id = models.UUIDField(_("decision id"), null=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    text = models.TextField(_("text"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, blank=True)
    status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    duration_ms = models.PositiveIntegerField(_("duration (ms)"), null=True)
    response = models.TextField(_("shortened response"), blank=True)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        db_table = "deliveries"
        ordering = ["pk"]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            # One open attempt per decision: whoever comes second finds the first.
            models.UniqueConstraint(
                fields=["case", "kind", "decision_id"],
                condition=Q(state__in=["queued", "waiting"]),
                nulls_distinct=False,
                name="deliveries_one_open_attempt",
            )
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="deliveries_state_due")]

    def __str__(self) -> str:
        return f"{self.case} / {self.get_kind_display()} {self.attempt}"


class DecisionKey(models.Model):
    """The Idempotency-Key of a decision that was taken, see `cases.idempotency`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(_("SHA-256 of the request"), max_length=64)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        db_table = "decision_keys"
        verbose_name = _("decision key")
        verbose_name_plural = _("decision keys")
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="decision_keys_user_key_unique")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} / {self.key}"
