"""From a case's addresses to candidates: download, validate, keep, encode, search.

Whatever goes wrong, the case ends `pending` with the reason: it waits for Brenda, it is never lost.
"""

import logging
import uuid

from django.core.files.base import ContentFile
from django.db import transaction

from cases.events import record
from cases.models import Case, CaseEvent, CaseImage
from cases.notices.telling import case_waits
from cases.searching import Answer, Problem, TryAgain, ask, best_of, write
from implants.catalogue import without_vector
from implants.encoders.active import ActiveEncoder
from implants.encoders.bundle import EncoderUnavailable
from implants.formats import Busy
from implants.radiograph import (
    Radiograph,
    RadiographError,
    clean_copy,
    open_radiograph,
)
from raiox.common import runs
from raiox.common.http import FetchError
from raiox.common.measures import stage
from webhooks.downloads import download_file, source_from_settings

logger = logging.getLogger(__name__)
_UNSEEN = (Case.State.RECEIVED, Case.State.ANALYZING)
_OPEN = (*_UNSEEN, Case.State.PENDING)
_OVER = (CaseEvent.Kind.ANALYZED, CaseEvent.Kind.ANALYSIS_FAILED)
_ASKED = (CaseEvent.Kind.ANALYSIS_REQUESTED, CaseEvent.Kind.ANALYSIS_STARTED)


@stage("total")
def analyze_case(case_id: int, *, is_last_attempt: bool, is_repeated: bool = False) -> None:
    """Analyse the open case `case_id` with the active encoder; every search is a new row.

    `is_repeated`: an earlier attempt may have ended the analysis and died before it could say so.

    Raises `TryAgain` for passing trouble while attempts are left, and `Superseded` when another run
    has the job by now. Any other exception is a fault of ours: raised while attempts are left, and
    after the last one the case waits for Brenda.
    """
    if is_repeated and _is_over(case_id):
        return
    case = _begin(case_id)
    if case is None:
        return
    try:
        _fetch_images(case, is_last_attempt=is_last_attempt)
        _finish(case, *ask(case, case.findings.all()))
    except Problem as found:
        _end_with(case, found.problem)
    except EncoderUnavailable as error:
        _end_with(case, Case.Problem.ENCODER_UNAVAILABLE, str(error))
    except runs.Superseded:
        raise
    except Exception as error:
        if not is_last_attempt:
            _note_repetition(case, error)
            raise
        logger.exception("analysis failed for good", extra={"case_id": case.pk})
        _end_with(case, Case.Problem.ANALYSIS_FAILED, type(error).__name__)


def give_up(case_id: int) -> None:
    """End the analysis without an answer: repeated attempts did not come back."""
    case = Case.objects.filter(pk=case_id, state__in=_OPEN).first()
    if case is not None and not _is_over(case_id):
        _end_with(case, Case.Problem.ANALYSIS_FAILED, "the worker died in each attempt")


def _is_over(case_id: int) -> bool:
    """Whether the last analysis that was begun or asked for has ended."""
    about = CaseEvent.objects.filter(case=case_id, kind__in=[*_OVER, *_ASKED]).order_by("-pk")
    return about.values_list("kind", flat=True).first() in _OVER


@transaction.atomic
def _begin(case_id: int) -> Case | None:
    """Mark the case as being analysed; None when it is decided (or gone).

    A case that already waits for a decision stays `pending`: a new analysis must not take it out
    of a reviewer's hands.
    """
    runs.hold()
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
    """Store a private copy without metadata, then say so; a repeated attempt does it again.

    A copy of which the row says nothing in the end is cleared away by `purge_expired`.
    """
    name = f"{image.case_id}/{uuid.uuid4().hex}.png"
    image.file.save(name, ContentFile(clean_copy(radiograph)), save=False)
    image.sha256 = radiograph.sha256
    image.width, image.height = radiograph.width, radiograph.height
    image.colour, image.pages = radiograph.colour, radiograph.pages
    image.state = CaseImage.State.STORED
    with transaction.atomic():
        runs.hold()
        image.save()
        record(image.case, CaseEvent.Kind.IMAGE_STORED, image=image.pk)


def _refuse(image: CaseImage, reason: str) -> None:
    image.state, image.refusal = CaseImage.State.REFUSED, reason
    with transaction.atomic():
        runs.hold()
        image.save(update_fields=["state", "refusal"])
        record(image.case, CaseEvent.Kind.IMAGE_REFUSED, image=image.pk, reason=reason)


@transaction.atomic
def _finish(case: Case, encoder: ActiveEncoder, answers: list[Answer]) -> None:
    """Write all searches and open the case to the reviewers, in one piece."""
    if not _hand_over(case, ""):
        return
    rows = [(write(encoder, answer), answer) for answer in answers]
    lacking = without_vector(encoder.encoder_id).filter(encoding_error="").count()
    record(
        case,
        CaseEvent.Kind.ANALYZED,
        encoder=encoder.name,
        searches=len(answers),
        lacking=lacking,
        best=best_of(rows),
    )


@transaction.atomic
def _end_with(case: Case, problem: Case.Problem, detail: str = "") -> None:
    if _hand_over(case, problem):
        record(case, CaseEvent.Kind.ANALYSIS_FAILED, problem=problem, detail=detail[:300])


@transaction.atomic
def _note_repetition(case: Case, error: Exception) -> None:
    runs.hold()
    record(case, CaseEvent.Kind.ANALYSIS_REPEATED, reason=type(error).__name__)


def _hand_over(case: Case, problem: str) -> bool:
    """To `pending`, unless somebody decided the case meanwhile; reviewers hear of a new one."""
    runs.hold()
    was_open = Case.objects.filter(pk=case.pk, state__in=_OPEN).update(
        state=Case.State.PENDING, problem=problem
    )
    if was_open and case.state in _UNSEEN:
        case_waits(case)
    return bool(was_open)
