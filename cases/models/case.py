"""The case and the files that came with it."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.plain import Plain
from webhooks.models import JotformForm


class Case(models.Model):
    """One submission of a form, from its arrival to the answer."""

    class State(models.TextChoices):
        """Where the case stands."""

        RECEIVED = "received", _("received")
        ANALYZING = "analyzing", _("analysing")
        PENDING = "pending", _("waiting for review")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")

    class Problem(models.TextChoices):
        """Why the case has no candidates, or not all of them."""

        NO_IMAGE = "no_image", _("no image was sent")
        NO_USABLE_IMAGE = "no_usable_image", _("no usable image")
        EMPTY_CATALOGUE = "empty_catalogue", _("the catalogue is empty")
        ENCODER_UNAVAILABLE = "encoder_unavailable", _("the encoder is unavailable")
        ANALYSIS_FAILED = "analysis_failed", _("the analysis failed")

    class RejectionReason(models.TextChoices):
        """Why a case gets no identification."""

        NEW_FILM_NEEDED = "new_film_needed", _("a new radiograph is needed")
        NOT_AN_IMPLANT = "not_an_implant", _("there is no implant on the radiograph")
        DUPLICATE = "duplicate", _("duplicate of another case")
        OTHER = "other", _("other reason")

    UNCALIBRATED = "uncalibrated"

    form = models.ForeignKey(JotformForm, models.PROTECT, related_name="+", verbose_name=_("form"))
    submission_id = models.CharField(_("submission id"), max_length=80)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RECEIVED)
    problem = models.CharField(_("problem"), max_length=30, choices=Problem, blank=True)
    dentist_name = models.CharField(_("dentist"), max_length=200, blank=True)
    dentist_email = models.CharField(_("dentist's e-mail"), max_length=254, blank=True)
    patient = models.CharField(_("patient"), max_length=200, blank=True)
    tooth = models.CharField(_("tooth"), max_length=40, blank=True)
    is_direct = models.BooleanField(
        _("direct"),
        default=False,
        help_text=_("Came without a Jotform submission: there is nothing to write back to"),
    )
    note = models.TextField(_("note to the dentist"), blank=True)
    edited_answer = models.TextField(_("edited answer"), blank=True)
    edited_from = models.TextField(_("text that the edited answer was made of"), blank=True)
    rejection_reason = models.CharField(
        _("reason of the rejection"), max_length=20, choices=RejectionReason, blank=True
    )
    rejection_text = models.TextField(_("text of the rejection"), blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decision_id = models.UUIDField(_("decision id"), null=True, blank=True)
    changed_after_decision = models.BooleanField(_("changed after the decision"), default=False)
    postponed_until = models.DateTimeField(_("postponed until"), null=True, blank=True)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reserved by"),
    )
    claimed_until = models.DateTimeField(_("reserved until"), null=True, blank=True)
    personal_data_deleted_at = models.DateTimeField(
        _("personal data deleted at"), null=True, blank=True
    )
    # The word of the first candidate, of several implants the least sure one; UNCALIBRATED when it
    # has none, empty without candidates. The database keeps it, whoever writes searches.
    confidence = models.CharField(
        _("confidence"), max_length=20, blank=True, default="", db_default="", editable=False
    )
    search_text = models.GeneratedField(
        expression=Plain.of("dentist_name", "patient", "tooth", "submission_id"),
        output_field=models.TextField(),
        db_persist=True,
    )
    correlation_id = models.CharField(_("correlation id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("received at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        db_table = "cases"
        ordering = ["created_at"]
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        permissions = [("decide_case", _("Can approve, reject and reopen cases"))]
        constraints = [
            models.UniqueConstraint(
                fields=["form", "submission_id"], name="cases_form_submission_unique"
            ),
            models.CheckConstraint(
                name="cases_decision_is_whole",
                condition=Q(
                    state__in=["approved", "rejected"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                    decision_id__isnull=False,
                )
                | Q(
                    state__in=["received", "analyzing", "pending"],
                    decided_by__isnull=True,
                    decided_at__isnull=True,
                    decision_id__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="cases_rejection_has_reason",
                condition=~Q(state="rejected") | ~Q(rejection_reason=""),
            ),
            models.CheckConstraint(
                name="cases_edited_answer_has_source",
                condition=Q(edited_answer="", edited_from="")
                | (~Q(edited_answer="") & ~Q(edited_from="")),
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], name="cases_state_created"),
            # The queue's first page, whatever else it asks for.
            models.Index(fields=["created_at", "id"], name="cases_created"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_decided(self) -> bool:
        """Whether the case was approved or rejected."""
        return self.state in (self.State.APPROVED, self.State.REJECTED)

    @property
    def is_postponed(self) -> bool:
        """Whether a reviewer put the case off and that time has not come."""
        return self.postponed_until is not None and self.postponed_until > timezone.now()

    @property
    def claimant(self) -> User | None:
        """Who has the case reserved at this moment; an expired claim binds nobody."""
        is_live = self.claimed_until is not None and self.claimed_until > timezone.now()
        return self.claimed_by if is_live else None


class CaseImage(models.Model):
    """A file of the submission: waiting, kept privately, or refused with a reason."""

    class State(models.TextChoices):
        """What became of the file."""

        WAITING = "waiting", _("waiting")
        STORED = "stored", _("stored")
        REFUSED = "refused", _("refused")
        DELETED = "deleted", _("deleted")

    class Refusal(models.TextChoices):
        """Why a file was not taken."""

        TOO_LARGE = "too_large", _("the file is too large")
        NOT_AN_IMAGE = "not_an_image", _("the file is not a readable image")
        UNSUPPORTED_FORMAT = "unsupported_format", _("the format is not supported")
        TOO_SMALL = "too_small", _("the image is too small")
        HOST_NOT_ALLOWED = "host_not_allowed", _("the file's address is not allowed")
        DOWNLOAD_FAILED = "download_failed", _("the download failed")
        LOGIN_REQUIRED = "login_required", _("Jotform asks for a log-in to show the file")

    case = models.ForeignKey(Case, models.CASCADE, related_name="images", verbose_name=_("case"))
    url = models.TextField(_("address"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    refusal = models.CharField(_("refusal"), max_length=20, choices=Refusal, blank=True)
    file = models.FileField(_("file"), upload_to="uploads/", max_length=400, blank=True)
    sha256 = models.CharField(_("SHA-256 of the received bytes"), max_length=64, blank=True)
    width = models.PositiveIntegerField(_("width (px)"), null=True)
    height = models.PositiveIntegerField(_("height (px)"), null=True)
    colour = models.FloatField(_("colour of the received image"), null=True)
    pages = models.PositiveIntegerField(
        _("pages"),
        default=1,
        db_default=1,
        help_text=_("Pictures in the received file; only the first was looked at"),
    )
    is_withdrawn = models.BooleanField(
        _("withdrawn"),
        default=False,
        db_default=False,
        help_text=_("The submission named the file once and, as it was edited last, does not"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "case_images"
        ordering = ["pk"]
        verbose_name = _("image of a case")
        verbose_name_plural = _("images of cases")
        indexes = [
            models.Index(fields=["sha256"], name="case_images_sha256"),
            # The queue asks which cases have one, whatever its length.
            models.Index(fields=["case"], condition=Q(state="refused"), name="case_images_refused"),
        ]
        constraints = [
            # An address can be longer than an index entry.
            models.UniqueConstraint("case", MD5("url"), name="case_images_case_url_unique"),
            models.CheckConstraint(
                name="case_images_refused_has_reason",
                condition=(Q(state="refused") & ~Q(refusal=""))
                | (~Q(state="refused") & Q(refusal="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case} / {self.pk}"
