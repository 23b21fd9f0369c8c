"""The story of one case: what came, what was found, what was decided, what was answered."""

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from cases.notices.models import Notice  # noqa: F401  # Django finds models here
from cases.plain import Plain
from cases.privacy.models import AccessRecord, ErasedSubmission  # noqa: F401  # the same
from implants.doubt import Concern, Confidence
from implants.fields import RegionField
from implants.models import DIMENSIONS, Encoder, Implant, Manufacturer, ReferenceImage
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


class Finding(models.Model):
    """One implant on the film and what the reviewer says it is."""

    class Verdict(models.TextChoices):
        """How sure the reviewer is."""

        IDENTIFIED = "identified", _("identified")
        PROBABLE = "probable", _("probable")
        NOT_IN_CATALOGUE = "not_in_catalogue", _("not in the catalogue")
        NOT_IDENTIFIABLE = "not_identifiable", _("not identifiable")

    NAMES_IMPLANT = (Verdict.IDENTIFIED, Verdict.PROBABLE)

    case = models.ForeignKey(Case, models.CASCADE, related_name="findings", verbose_name=_("case"))
    tooth = models.CharField(_("tooth"), max_length=40, blank=True)
    image = models.ForeignKey(
        CaseImage, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("image")
    )
    region = RegionField(null=True, blank=True, verbose_name=_("region"))
    verdict = models.CharField(_("verdict"), max_length=20, choices=Verdict, blank=True)
    implant = models.ForeignKey(
        Implant,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("implant"),
    )
    note = models.TextField(_("note"), blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "findings"
        ordering = ["pk"]
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints = [
            models.CheckConstraint(
                name="findings_implant_matches_verdict",
                condition=Q(verdict__in=["identified", "probable"], implant__isnull=False)
                | (~Q(verdict__in=["identified", "probable"]) & Q(implant__isnull=True)),
            ),
            models.CheckConstraint(
                name="findings_region_has_image",
                condition=Q(region__isnull=True) | Q(image__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case} / {self.tooth or self.pk}"


class FirstImpression(models.Model):
    """What a reviewer took a finding for before she saw any suggestion; noted once.

    An implant, or a manufacturer alone, or neither: she can't tell.
    """

    finding = models.ForeignKey(
        Finding, models.CASCADE, related_name="impressions", verbose_name=_("finding")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("who")
    )
    implant = models.ForeignKey(
        Implant,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("implant"),
    )
    manufacturer = models.ForeignKey(
        Manufacturer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("manufacturer"),
    )
    suggested = models.ForeignKey(
        Implant,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("first suggestion at that time"),
    )
    noted_at = models.DateTimeField(_("noted at"), auto_now_add=True)

    class Meta:
        db_table = "first_impressions"
        ordering = ["pk"]
        verbose_name = _("first impression")
        verbose_name_plural = _("first impressions")
        constraints = [
            models.UniqueConstraint(
                fields=["finding", "user"], name="first_impressions_finding_user_unique"
            ),
            models.CheckConstraint(
                name="first_impressions_implant_or_manufacturer",
                condition=Q(implant__isnull=True) | Q(manufacturer__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.finding} / {self.user}"

    @property
    def agrees(self) -> bool | None:
        """Whether the first suggestion was what she took it for; None without either of them."""
        if self.suggested is None:
            return None
        return self.fits(self.suggested)

    def fits(self, implant: Implant) -> bool | None:
        """Whether `implant` is what she took it for, or of that manufacturer; None: can't tell."""
        if self.implant_id is not None:
            return self.implant_id == implant.pk
        if self.manufacturer_id is not None:
            return self.manufacturer_id == implant.manufacturer_id
        return None


class ReviewerPreferences(models.Model):
    """How one reviewer likes to work."""

    class CaseMails(models.TextChoices):
        """When she hears of new cases by e-mail."""

        AT_ONCE = "at_once", _("at once")
        DIGEST = "digest", _("gathered, at fixed hours")
        NONE = "none", _("never")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="reviewer_preferences",
        verbose_name=_("who"),
    )
    sees_suggestions_later = models.BooleanField(
        _("look first without suggestions"),
        default=False,
        help_text=_(
            "The candidates of an implant appear after you have noted your own first impression."
        ),
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=settings.LANGUAGES,
        blank=True,
        help_text=_("Of these pages and of the e-mails. Without a choice: that of your browser."),
    )
    case_mails = models.CharField(
        _("e-mail about new cases"), max_length=10, choices=CaseMails, default=CaseMails.DIGEST
    )
    wants_failures = models.BooleanField(_("e-mail when something fails"), default=True)
    wants_summary = models.BooleanField(_("daily summary by e-mail"), default=False)

    class Meta:
        db_table = "reviewer_preferences"
        verbose_name = _("preferences of a reviewer")
        verbose_name_plural = _("preferences of reviewers")

    def __str__(self) -> str:
        return str(self.user)


class Search(models.Model):
    """One question to the catalogue: a finding on an image by one encoder; never overwritten."""

    finding = models.ForeignKey(
        Finding, models.CASCADE, related_name="searches", verbose_name=_("finding")
    )
    image = models.ForeignKey(
        CaseImage, models.CASCADE, related_name="searches", verbose_name=_("image")
    )
    region = RegionField(null=True, blank=True, verbose_name=_("region"))
    encoder = models.ForeignKey(
        Encoder, models.PROTECT, related_name="+", verbose_name=_("encoder")
    )
    embedding = VectorField(dimensions=DIMENSIONS)
    confidence = models.CharField(  # noqa: DJ001  # null says "not calibrated"
        _("confidence"), max_length=20, choices=Confidence, null=True, blank=True
    )
    observations = models.PositiveIntegerField(_("observations behind the word"), default=0)
    concerns = ArrayField(
        models.CharField(max_length=20, choices=Concern),
        default=list,
        blank=True,
        verbose_name=_("what speaks against the image"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "searches"
        ordering = ["pk"]
        verbose_name = _("search")
        verbose_name_plural = _("searches")

    def __str__(self) -> str:
        return f"{self.finding} / {self.encoder}"


class Result(models.Model):
    """One candidate of a search: an implant, by its most similar reference."""

    search = models.ForeignKey(
        Search, models.CASCADE, related_name="results", verbose_name=_("search")
    )
    rank = models.PositiveSmallIntegerField(_("rank"))
    implant = models.ForeignKey(
        Implant, models.PROTECT, related_name="+", verbose_name=_("implant")
    )
    reference = models.ForeignKey(
        ReferenceImage,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("reference radiograph"),
    )
    similarity = models.FloatField(_("similarity"))

    class Meta:
        db_table = "results"
        ordering = ["search", "rank"]
        verbose_name = _("result")
        verbose_name_plural = _("results")
        constraints = [
            models.UniqueConstraint(fields=["search", "rank"], name="results_search_rank_unique"),
            models.UniqueConstraint(
                fields=["search", "implant"], name="results_search_implant_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rank}. {self.implant}"


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


class Merging(models.Model):
    """Two implants of the catalogue became one; what the second was called, for older records."""

    survivor = models.ForeignKey(
        Implant, models.PROTECT, related_name="+", verbose_name=_("what stayed")
    )
    merged_id = models.BigIntegerField(_("number of the merged implant"), unique=True)
    merged_name = models.CharField(_("merged implant"), max_length=250)
    merged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("who"),
    )
    merged_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        db_table = "mergings"
        ordering = ["pk"]
        verbose_name = _("merging of implants")
        verbose_name_plural = _("mergings of implants")

    def __str__(self) -> str:
        return f"{self.merged_name} → {self.survivor}"


class MergedResult(models.Model):
    """A search had found both implants of a merge: the lower-ranked result, as it was."""

    merging = models.ForeignKey(
        Merging, models.CASCADE, related_name="results", verbose_name=_("merging of implants")
    )
    search = models.ForeignKey(
        Search, models.CASCADE, related_name="merged_results", verbose_name=_("search")
    )
    implant_name = models.CharField(_("implant"), max_length=250)
    rank = models.PositiveSmallIntegerField(_("rank"))
    reference = models.ForeignKey(
        ReferenceImage,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("reference radiograph"),
    )
    similarity = models.FloatField(_("similarity"))

    class Meta:
        db_table = "merged_results"
        ordering = ["search", "rank"]
        verbose_name = _("result before a merge")
        verbose_name_plural = _("results before a merge")

    def __str__(self) -> str:
        return f"{self.rank}. {self.implant_name}"
