"""Asks the catalogue for findings on the films that count for them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from cases.models import Case, CaseImage, Finding, Result, Search
from implants.encoders.active import ActiveEncoder, EncoderReplaced, active
from implants.identification import Identification, identify
from implants.models import ReferenceVector
from implants.radiograph import reopen_copy
from implants.region import Region


class TryAgain(Exception):
    """Something passing is in the way; the job should be repeated later."""


class Problem(Exception):
    """There can be no candidates, for a reason that people are shown."""

    def __init__(self, problem: Case.Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class Answer:
    """One search, computed and not yet written."""

    finding: Finding
    image: CaseImage
    found: Identification


def ask(case: Case, findings: Iterable[Finding]) -> tuple[ActiveEncoder, list[Answer]]:
    """Ask the catalogue for these findings of the case, each on each image that counts for it.

    Raises `Problem`, `TryAgain` and what the encoder raises; writes nothing.
    """
    images = _stored_images(case)
    encoder = active()
    if not ReferenceVector.objects.filter(encoder_id=encoder.encoder_id).exists():
        raise Problem(Case.Problem.EMPTY_CATALOGUE)
    found: dict[tuple[int, tuple[float, ...]], Identification] = {}
    answers = []
    for finding, image in _questions(findings, images):
        key = image.pk, tuple(finding.region or ())
        if key not in found:
            found[key] = _identify(encoder, image, finding.region)
        answers.append(Answer(finding, image, found[key]))
    return encoder, answers


def write(encoder: ActiveEncoder, answer: Answer) -> Search:
    """Keep an answer: a search with its results, as a new row."""
    row = Search.objects.create(
        finding=answer.finding,
        image=answer.image,
        region=answer.finding.region,
        encoder_id=encoder.encoder_id,
        embedding=answer.found.embedding,
        confidence=answer.found.doubt.confidence,
        observations=answer.found.doubt.observations,
        concerns=list(answer.found.doubt.concerns),
    )
    Result.objects.bulk_create(
        Result(
            search=row,
            rank=rank,
            implant_id=found.implant_id,
            reference_id=found.reference_id,
            similarity=found.similarity,
        )
        for rank, found in enumerate(answer.found.candidates, start=1)
    )
    return row


def best_of(searches: Iterable[tuple[Search, Answer]]) -> list[int]:
    """For each finding the id of the search with its first candidate: what the timeline tells."""
    best: dict[int, tuple[float, int]] = {}
    for row, answer in searches:
        similarity = max((found.similarity for found in answer.found.candidates), default=-2.0)
        best[answer.finding.pk] = max(
            best.get(answer.finding.pk, (-2.0, row.pk)), (similarity, row.pk)
        )
    return [pk for _, pk in best.values()]


def _stored_images(case: Case) -> list[CaseImage]:
    images = list(case.images.filter(state=CaseImage.State.STORED))
    if images:
        return images
    if case.images.exists():
        raise Problem(Case.Problem.NO_USABLE_IMAGE)
    raise Problem(Case.Problem.NO_IMAGE)


def _questions(
    findings: Iterable[Finding], images: list[CaseImage]
) -> Iterable[tuple[Finding, CaseImage]]:
    """A finding with a region searches its image only, others every stored image."""
    for finding in findings:
        for image in images:
            if finding.region is None or finding.image_id == image.pk:
                yield finding, image


def _identify(
    encoder: ActiveEncoder, image: CaseImage, region: list[float] | None
) -> Identification:
    with image.file.open("rb") as file:
        copy = reopen_copy(file.read(), colour=image.colour)
    # Known again by the bytes that were received: the copy has others.
    film = replace(copy, sha256=image.sha256 or copy.sha256)
    part = Region.from_list(region) if region else None
    try:
        return identify(film, encoder, region=part, known=_known_vector(encoder, image, region))
    except EncoderReplaced as error:
        raise TryAgain from error


def _known_vector(
    encoder: ActiveEncoder, image: CaseImage, region: list[float] | None
) -> np.ndarray | None:
    """What this encoder made of the same part of the same film in an earlier search."""
    if not image.sha256:
        return None
    earlier = Search.objects.filter(
        encoder_id=encoder.encoder_id, image__sha256=image.sha256, region=region
    )
    return earlier.order_by("-pk").values_list("embedding", flat=True).first()
