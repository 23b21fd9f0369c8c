"""What happened to a case."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models.case import Case


class CaseEvent(models.Model):
    """Something that happened to a case; written once, never changed."""

    class Kind(models.TextChoices):
        """What happened."""

        RECEIVED = "received", _("Case received")
        UPDATED = "updated", _("Submission edited")
        CHANGED_AFTER_DECISION = "changed_after_decision", _("Submission edited after the decision")
        IMAGE_STORED = "image_stored", _("Image stored")
        IMAGE_REFUSED = "image_refused", _("Image refused")
        ANALYSIS_STARTED = "analysis_started", _("Analysis started")
        ANALYZED = "analyzed", _("Analysis finished")
        ANALYSIS_FAILED = "analysis_failed", _("Analysis failed")
        ANALYSIS_REPEATED = "analysis_repeated", _("Analysis will be repeated")
        ANALYSIS_REQUESTED = "analysis_requested", _("New analysis requested")
        FINDING_ADDED = "finding_added", _("Finding added")
        FINDING_REMOVED = "finding_removed", _("Finding removed")
        FINDING_CHANGED = "finding_changed", _("Finding changed")
        NOTE_CHANGED = "note_changed", _("Note to the dentist changed")
        ANSWER_EDITED = "answer_edited", _("Answer edited")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        REOPENED = "reopened", _("Reopened")
        DECISION_KEPT = "decision_kept", _("Decision kept after the edit")
        POSTPONED = "postponed", _("Postponed")
        PROMOTED = "promoted", _("Film taken into the catalogue, with consent")
        CLAIM_TAKEN = "claim_taken", _("Case taken over")
        IMPRESSION_NOTED = "impression_noted", _("First impression noted")
        SEARCH_REQUESTED = "search_requested", _("Search for one implant requested")
        SEARCHED = "searched", _("Search for one implant finished")
        SEARCH_FAILED = "search_failed", _("Search for one implant failed")
        NOTHING_TO_DELIVER = "nothing_to_deliver", _("Direct case: nothing to write back to")
        PERSONAL_DATA_DELETED = "personal_data_deleted", _("Images and personal data deleted")
        GONE_FROM_JOTFORM = "gone_from_jotform", _("Submission deleted in Jotform")
        ALTERATION_LEFT = "alteration_left", _("Answer left as it was changed in Jotform")
        DELIVERY_QUEUED = "delivery_queued", _("Answer queued")
        DELIVERY_STARTED = "delivery_started", _("Delivery started")
        DELIVERY_SENT = "delivery_sent", _("Answer written into Jotform")
        DELIVERY_RETRYING = "delivery_retrying", _("Delivery failed, will be repeated")
        DELIVERY_FAILED = "delivery_failed", _("Delivery failed")
        DELIVERY_WAITING = "delivery_waiting", _("Delivery waits")
        DELIVERY_CANCELLED = "delivery_cancelled", _("Delivery cancelled")

    case = models.ForeignKey(Case, models.CASCADE, related_name="events", verbose_name=_("case"))
    created_at = models.DateTimeField(_("time"), auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("who"),
    )
    kind = models.CharField(_("what"), max_length=30, choices=Kind)
    data = models.JSONField(_("details"), default=dict)
    correlation_id = models.CharField(_("correlation id"), max_length=64, blank=True)

    class Meta:
        db_table = "case_events"
        ordering = ["pk"]
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.case}: {self.get_kind_display()}"
