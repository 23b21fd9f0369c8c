"""How reviewers like to work."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


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
