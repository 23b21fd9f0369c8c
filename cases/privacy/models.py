"""Who looked at patients' data, and which submissions may not come back."""

import hashlib

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AccessRecord(models.Model):
    """Somebody saw a patient's film or data; written once, kept for a year.

    Numbers instead of relations: the record outlives the case.
    """

    class What(models.TextChoices):
        """What was seen."""

        FILM = "film", _("radiograph")
        THUMBNAIL = "thumbnail", _("small radiograph")
        CASE = "case", _("page of the case")
        API = "api", _("case by the API")
        EXPORT = "export", _("everything about the case, exported")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("who"),
        help_text=_("Nobody: somebody at the server's own console"),
    )
    what = models.CharField(_("what"), max_length=10, choices=What)
    case_number = models.PositiveBigIntegerField(_("case"), db_index=True)
    image_number = models.PositiveBigIntegerField(_("image"), null=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    correlation_id = models.CharField(_("correlation id"), max_length=64, blank=True)

    class Meta:
        db_table = "access_records"
        ordering = ["-pk"]
        verbose_name = _("access to patients' data")
        verbose_name_plural = _("accesses to patients' data")

    def __str__(self) -> str:
        return f"#{self.case_number}: {self.get_what_display()}"


class ErasedSubmission(models.Model):
    """A submission that was erased: a webhook or a sweep that comes later must not bring it back.

    Only a digest is kept, from which nothing can be read.
    """

    digest = models.CharField(_("digest of the submission's id"), max_length=64, unique=True)
    erased_at = models.DateTimeField(_("erased at"), auto_now_add=True)

    class Meta:
        db_table = "erased_submissions"
        verbose_name = _("erased submission")
        verbose_name_plural = _("erased submissions")

    def __str__(self) -> str:
        return self.digest[:8]

    @staticmethod
    def digest_of(form_id: str, submission_id: str) -> str:
        """SHA-256 of both ids, in hex."""
        return hashlib.sha256(f"{form_id}/{submission_id}".encode()).hexdigest()
