"""The candidates of a finding: what page, API, answer and agreement all show."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Max

from cases.models import CaseImage, Finding, Result, Search
from implants.models import Implant, ReferenceImage

TOP = 3


@dataclass(frozen=True)
class Candidate:
    """An implant that resembles a finding: `similarity` = 1 - cosine distance, -1 to 1."""

    rank: int
    implant: Implant
    reference: ReferenceImage | None
    similarity: float
    confidence: str | None
    encoder: str

    @property
    def is_demo(self) -> bool:
        """Whether the implant, or the film that speaks for it, is demo data."""
        return self.implant.is_demo or (self.reference is not None and self.reference.is_demo)


def candidates_of(findings: Iterable[Finding]) -> dict[int, list[Candidate]]:
    """The top 3 distinct implants of each finding, by finding id, in one query.

    Over the latest search of each image that counts, an implant by its best result.
    """
    findings = list(findings)
    rows: dict[int, list[Result]] = defaultdict(list)
    for result in _latest_results([finding.pk for finding in findings]):
        rows[result.search.finding_id].append(result)
    return {finding.pk: _top(_that_count(finding, rows[finding.pk])) for finding in findings}


def _latest_results(finding_ids: list[int]) -> Iterable[Result]:
    latest = (
        Search.objects.filter(finding__in=finding_ids, image__state=CaseImage.State.STORED)
        .order_by()
        .values("finding", "image")
        .annotate(latest=Max("pk"))
        .values("latest")
    )
    return (
        Result.objects.filter(search__in=latest)
        .select_related("search__encoder", "implant__manufacturer", "reference")
        .order_by("-similarity", "implant__manufacturer__name", "implant__name", "pk")
    )


def _that_count(finding: Finding, results: list[Result]) -> list[Result]:
    """A finding with a region searches its own image only."""
    if finding.region is None:
        return results
    return [result for result in results if result.search.image_id == finding.image_id]


def _top(results: list[Result]) -> list[Candidate]:
    """Each implant once, by its best result; `results` come best first."""
    best: dict[int, Result] = {}
    for result in results:
        best.setdefault(result.implant_id, result)
    return [
        Candidate(
            rank=rank,
            implant=result.implant,
            reference=result.reference,
            similarity=result.similarity,
            confidence=result.search.confidence,
            encoder=result.search.encoder.name,
        )
        for rank, result in enumerate(list(best.values())[:TOP], start=1)
    ]
