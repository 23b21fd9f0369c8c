"""From a case's addresses to candidates: download, validate, keep, encode, search.

Whatever goes wrong, the case ends `pending` with the reason: it waits for Brenda, it is never lost.
"""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from django.core.files.base import ContentFile
from django.db import transaction

from cases.events import record
from cases.models import Case, CaseEvent, CaseImage, Finding, Result, Search
from cases.notices.telling import case_waits
from implants.catalogue import without_vector
from implants.encoders.active import ActiveEncoder, EncoderReplaced, active
from implants.encoders.bundle import EncoderUnavailable
from implants.formats import Busy
from implants.identification import Identification, identify
from implants.models import ReferenceVector
from implants.radiograph import (
    Radiograph,
    RadiographError,
    clean_copy,
    open_radiograph,
    reopen_copy,
)
from implants.region import Region
from raiox.common.http import FetchError
from webhooks.downloads import download_file, source_from_settings

logger = logging.getLogger(__name__)
_UNSEEN = (Case.State.RECEIVED, Case.State.ANALYZING)
_OPEN = (*_UNSEEN, Case.State.PENDING)


class TryAgain(Exception):
    """Something passing is in the way; the job should be repeated later."""


class _Problem(Exception):
    """The analysis can't give candidates, for a reason that the case shows."""

    def __init__(self, problem: Case.Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class _Answer:
    """One search, computed and not yet written."""

    finding: Finding
    image: CaseImage
    found: Identification


def analyze_case(case_id: int, *, is_last_attempt: bool) -> None:
    """Analyse the open case `case_id` with the active encoder; every search is a new row.

    Raises `TryAgain` for passing trouble while attempts are left. Any other exception is a fault
    of ours: raised while attempts are left, and after the last one the case waits for Brenda.
    """
    case = _begin(case_id)
    if case is None:
        return
    try:
        _fetch_images(case, is_last_attempt=is_last_attempt)
        _finish(case, *_answers(case))
    except _Problem as found:
        _end_with(case, found.problem)
    except EncoderUnavailable as error:
        _end_with(case, Case.Problem.ENCODER_UNAVAILABLE, str(error))
    except Exception as error:
        if not is_last_attempt:
            record(case, CaseEvent.Kind.ANALYSIS_REPEATED, reason=type(error).__name__)
            raise
        logger.exception("analysis failed for good", extra={"case_id": case.pk})
        _end_with(case, Case.Problem.ANALYSIS_FAILED, type(error).__name__)


def give_up(case_id: int) -> None:
    """End the analysis without an answer: repeated attempts did not come back."""
    case = Case.objects.filter(pk=case_id, state__in=_OPEN).first()
    if case is not None:
        _end_with(case, Case.Problem.ANALYSIS_FAILED, "the worker died in each attempt")


def _begin(case_id: int) -> Case | None:
    """Mark the case as being analysed; None when it is decided (or gone).

    A case that already waits for a decision stays `pending`: a new analysis must not take it out
    of a reviewer's hands.
    """
    Case.objects.filter(pk=case_id, state__in=_UNSEEN).update(state=Case.State.ANALYZING)
    case = Case.objects.filter(pk=case_id, state__in=_OPEN).first()
    if case is None:
        return None
    record(case, CaseEvent.Kind.ANALYSIS_STARTED)
    return case


def _fetch_images(case: Case, *, is_last_attempt: bool) -> None:
    """Download and keep what is not there yet; one file's refusal does not stop the others."""
    source = source_from_settings()
    passing: FetchError | Busy | None = None
    for image in case.images.filter(state=CaseImage.State.WAITING):
        try:
            _keep(image, open_radiograph(download_file(image.url, source=source).data))
        except RadiographError as error:
            _refuse(image, error.code)
        except Busy as error:
            if is_last_attempt:
                raise  # the file waits for the reviewer's retry: nothing is wrong with it
            passing = error
        except FetchError as error:
            if error.transient and not is_last_attempt:
                passing = error
            else:
                _refuse(image, error.reason)
    if passing is not None:
        raise TryAgain from passing


def _keep(image: CaseImage, radiograph: Radiograph) -> None:
    """Store a private copy without metadata, then say so; a repeated attempt does it again."""
    name = f"{image.case_id}/{uuid.uuid4().hex}.png"
    image.file.save(name, ContentFile(clean_copy(radiograph)), save=False)
    image.sha256 = radiograph.sha256
    image.width, image.height = radiograph.width, radiograph.height
    image.colour = radiograph.colour
    image.state = CaseImage.State.STORED
    with transaction.atomic():
        image.save()
        record(image.case, CaseEvent.Kind.IMAGE_STORED, image=image.pk)


def _refuse(image: CaseImage, reason: str) -> None:
    image.state, image.refusal = CaseImage.State.REFUSED, reason
    with transaction.atomic():
        image.save(update_fields=["state", "refusal"])
        record(image.case, CaseEvent.Kind.IMAGE_REFUSED, image=image.pk, reason=reason)


def _answers(case: Case) -> tuple[ActiveEncoder, list[_Answer]]:
    """Ask the catalogue for each finding on each image that counts for it."""
    images = _stored_images(case)
    encoder = active()
    if not ReferenceVector.objects.filter(encoder_id=encoder.encoder_id).exists():
        raise _Problem(Case.Problem.EMPTY_CATALOGUE)
    found: dict[tuple[int, tuple[float, ...]], Identification] = {}
    answers = []
    for finding, image in _questions(case.findings.all(), images):
        key = image.pk, tuple(finding.region or ())
        if key not in found:
            found[key] = _identify(encoder, image, finding.region)
        answers.append(_Answer(finding, image, found[key]))
    return encoder, answers


def _stored_images(case: Case) -> list[CaseImage]:
    images = list(case.images.filter(state=CaseImage.State.STORED))
    if images:
        return images
    if case.images.exists():
        raise _Problem(Case.Problem.NO_USABLE_IMAGE)
    raise _Problem(Case.Problem.NO_IMAGE)


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


@transaction.atomic
def _finish(case: Case, encoder: ActiveEncoder, answers: list[_Answer]) -> None:
    """Write all searches and open the case to the reviewers, in one piece."""
    if not _hand_over(case, ""):
        return
    for answer in answers:
        _write(encoder, answer)
    lacking = without_vector(encoder.encoder_id).filter(encoding_error="").count()
    record(
        case,
        CaseEvent.Kind.ANALYZED,
        encoder=encoder.name,
        searches=len(answers),
        lacking=lacking,
    )


def _write(encoder: ActiveEncoder, answer: _Answer) -> None:
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


@transaction.atomic
def _end_with(case: Case, problem: Case.Problem, detail: str = "") -> None:
    if _hand_over(case, problem):
        record(case, CaseEvent.Kind.ANALYSIS_FAILED, problem=problem, detail=detail[:300])


def _hand_over(case: Case, problem: str) -> bool:
    """To `pending`, unless somebody decided the case meanwhile; reviewers hear of a new one."""
    was_open = Case.objects.filter(pk=case.pk, state__in=_OPEN).update(
        state=Case.State.PENDING, problem=problem
    )
    if was_open and case.state in _UNSEEN:
        case_waits(case)
    return bool(was_open)
