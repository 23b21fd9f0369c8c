"""Forms that we know and deliveries that Jotform made to us."""

from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class JotformForm(models.Model):
    """A form in Jotform and which of its questions mean what; questions are mapped by their qid."""

    form_id = models.CharField(_("form id"), max_length=32, unique=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    is_default = models.BooleanField(
        _("default form"),
        default=False,
        help_text=_("Receives what arrives without a form id at /webhook"),
    )
    qid_dentist = models.CharField(_("question: dentist"), max_length=10, blank=True)
    qid_email = models.CharField(_("question: e-mail"), max_length=10, blank=True)
    qid_patient = models.CharField(_("question: patient"), max_length=10, blank=True)
    qid_tooth = models.CharField(_("question: tooth"), max_length=10, blank=True)
    qid_images = models.CharField(_("question: radiographs"), max_length=10, blank=True)
    qid_result = models.CharField(_("question: result"), max_length=10, blank=True)
    deliveries_paused = models.BooleanField(_("deliveries paused"), default=False)
    sends_received_text = models.BooleanField(
        _("tell the dentist that the case was received"), default=False
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    swept_at = models.DateTimeField(
        _("compared with Jotform up to"), null=True, blank=True, editable=False
    )

    class Meta:
        db_table = "jotform_forms"
        ordering = ["title", "form_id"]
        verbose_name = _("form")
        verbose_name_plural = _("forms")
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="jotform_forms_one_default",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.form_id


class InboundEventQuerySet(models.QuerySet["InboundEvent"]):
    """Looks events up by the submission they speak of."""

    def of_submission(self, form_id: str, submission_id: str) -> Self:
        """Events of one submission."""
        return self.filter(form_id=form_id, submission_id=submission_id)


class InboundEvent(models.Model):
    """One webhook delivery as it came, without our own secret; kept whatever becomes of it."""

    class Kind(models.TextChoices):
        """The shape of the body."""

        MULTIPART = "multipart", _("Jotform webhook")
        JSON = "json", _("JSON of a submission")
        DIRECT = "direct", _("direct image")
        SWEPT = "swept", _("found in Jotform by the sweep")
        OTHER = "other", _("unknown shape")

    class State(models.TextChoices):
        """What became of it."""

        RECEIVED = "received", _("received")
        PROCESSED = "processed", _("processed")
        DUPLICATE = "duplicate", _("duplicate")
        IGNORED = "ignored", _("ignored")
        FAILED = "failed", _("failed")

    received_at = models.DateTimeField(_("received at"), auto_now_add=True, db_index=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RECEIVED)
    form_id = models.CharField(_("form id"), max_length=32, blank=True)
    submission_id = models.CharField(_("submission id"), max_length=80, blank=True)
    payload = models.JSONField(_("payload"), default=dict)
    digest = models.CharField(_("digest of the answers"), max_length=64, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    correlation_id = models.CharField(_("correlation id"), max_length=64, blank=True)

    objects: Any = InboundEventQuerySet.as_manager()

    class Meta:
        db_table = "inbound_events"
        permissions = [("process_inboundevent", _("Can have inbound events processed again"))]
        ordering = ["-pk"]
        verbose_name = _("inbound event")
        verbose_name_plural = _("inbound events")
        indexes = [
            models.Index(
                fields=["form_id", "submission_id", "-id"], name="inbound_events_submission"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"
