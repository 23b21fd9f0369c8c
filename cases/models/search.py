"""What the catalogue was asked, and what it answered."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from cases.models.case import CaseImage
from cases.models.finding import Finding
from implants.doubt import Concern, Confidence
from implants.fields import RegionField
from implants.models import DIMENSIONS, Encoder, Implant, ReferenceImage


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
