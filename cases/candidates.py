"""The candidates of a finding and their doubt: what page, API, answer and agreement all show."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Max, Q

from cases.models import CaseImage, Finding, Result, Search
from implants.doubt import Concern, Confidence
from implants.models import Implant, ReferenceImage

TOP = 3
# A finding with a region searches its own image only, others every image as a whole.
_OF_THE_PART_THAT_COUNTS = Q(region=None, finding__region=None) | Q(
    region=F("finding__region"), image=F("finding__image")
)


@dataclass(frozen=True)
class Candidate:
    """An implant that resembles a finding: `similarity` = 1 - cosine distance, -1 to 1.

    Only the first candidate has a `confidence`; None there means that nothing is calibrated.
    """

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


@dataclass(frozen=True)
class Shortlist:
    """The candidates of a finding, best first, and how far they can be trusted.

    `confidence` and the `observations` behind it are those of the search that gave the first
    candidate (on `image_id`); `concerns` are those of each image, by its id. `is_hidden` says that
    there may be candidates which are kept from whoever looks (`cases.impressions`).
    """

    candidates: list[Candidate]
    confidence: Confidence | None
    observations: int
    image_id: int | None
    concerns: dict[int, list[Concern]]
    is_hidden: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether the candidates are likely to mislead: better none of them than the best."""
        outside = self.confidence == Confidence.OUT_OF_CATALOGUE
        return outside or self.image_id in self.concerns


def shortlists_of(findings: Iterable[Finding]) -> dict[int, Shortlist]:
    """The top 3 distinct implants of each finding, by finding id, in one query.

    Over the latest search of each image that counts, an implant by its best result. A search of
    another part of the film than is marked now does not count: it may be of another implant.
    """
    findings = list(findings)
    rows: dict[int, list[Result]] = defaultdict(list)
    for result in _latest_results([finding.pk for finding in findings]):
        rows[result.search.finding_id].append(result)
    return {finding.pk: _shortlist(rows[finding.pk]) for finding in findings}


def candidates_of(findings: Iterable[Finding]) -> dict[int, list[Candidate]]:
    """The candidates alone."""
    return {pk: shortlist.candidates for pk, shortlist in shortlists_of(findings).items()}


def concerns_by_image(shortlists: Iterable[Shortlist]) -> dict[int, list[Concern]]:
    """Each concern once for each image, whichever finding was searched for on it."""
    found: dict[int, set[Concern]] = defaultdict(set)
    for shortlist in shortlists:
        for image_id, concerns in shortlist.concerns.items():
            found[image_id].update(concerns)
    return {pk: [code for code in Concern if code in codes] for pk, codes in found.items()}


def _latest_results(finding_ids: list[int]) -> Iterable[Result]:
    latest = (
        Search.objects.filter(_OF_THE_PART_THAT_COUNTS, finding__in=finding_ids)
        .filter(image__state=CaseImage.State.STORED)
        .order_by()
        .values("finding", "image")
        .annotate(latest=Max("pk"))
        .values("latest")
    )
    return (
        Result.objects.filter(search__in=latest)
        .select_related("search__encoder", "implant__manufacturer", "reference")
        .defer("search__embedding")
        .order_by("-similarity", "implant__manufacturer__name", "implant__name", "pk")
    )


def _shortlist(results: list[Result]) -> Shortlist:
    """`results` come best first, and every search has some."""
    if not results:
        return Shortlist([], None, 0, None, {})
    first = results[0].search
    concerns = {result.search.image_id: result.search.concerns for result in results}
    return Shortlist(
        candidates=_top(results),
        confidence=Confidence(first.confidence) if first.confidence else None,
        observations=first.observations,
        image_id=first.image_id,
        concerns={pk: [Concern(code) for code in codes] for pk, codes in concerns.items() if codes},
    )


def _top(results: list[Result]) -> list[Candidate]:
    """Each implant once, by its best result; the word of a search is about its best one."""
    best: dict[int, Result] = {}
    for result in results:
        best.setdefault(result.implant_id, result)
    return [
        Candidate(
            rank=rank,
            implant=result.implant,
            reference=result.reference,
            similarity=result.similarity,
            confidence=result.search.confidence if rank == 1 else None,
            encoder=result.search.encoder.name,
        )
        for rank, result in enumerate(list(best.values())[:TOP], start=1)
    ]
