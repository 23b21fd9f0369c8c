"""What reviewers say: of each implant on a film, before and after the suggestions."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cases.models.case import Case, CaseImage
from implants.fields import RegionField
from implants.models import Implant, Manufacturer


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
