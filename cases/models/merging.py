"""Implants that became one, and what older searches had found of them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models.search import Search
from implants.models import Implant, ReferenceImage


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
