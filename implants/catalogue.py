"""The catalogue's references: how a film becomes one, and how far its vector has got."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from django.contrib.admin.models import ADDITION, CHANGE
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.types import JSONValue

from implants.history import record
from implants.models import Implant, ReferenceImage, ReferenceVector
from implants.radiograph import Radiograph, RadiographError, clean_copy, open_radiograph
from implants.region import Region
from raiox.common import correlation
from raiox.common.jobs import job

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

COPIES: Final = "referencia/raiox/"
"""Where our own copies lie, so that seeding from `referencia/` never takes them for new films."""
PROMOTED: Final = f"{COPIES}cases/"
"""Where those of patients' films lie: nothing of them may be kept when their row is gone."""
CASE_KEYS: Final = "case/"
"""What the source keys of patients' films begin with: the case is found by them."""
_PATIENTS_FOLDERS: Final = frozenset({"uploads", "clientes"})

_CALIBRATION_LOCK: Final = "calibration"
_SETTLING_SECONDS: Final = 30
"""Changes come in rows: calibrating after the last of them is enough."""

_ENCODING_ERRORS: Final[dict[str, Promise]] = {
    "file_missing": _("The file is gone from storage: upload the radiograph again."),
    "file_changed": _("The file in storage is another one now: seed it again."),
    "invalid_region": _("The region is not a part of the image: mark it again."),
    "not_encodable": _("The encoder finds nothing to compare on this image."),
}


class PatientKeyError(ValueError):
    """A key of films that patients sent; such a film never becomes a reference by itself."""


class EncodingState(models.TextChoices):
    """How far the active encoder has got with a reference."""

    READY = "ready", _("vector ready")
    WAITING = "waiting", _("waiting")
    FAILED = "failed", _("failed")


class _State(TypedDict):
    encoding_state: str


class Added(NamedTuple):
    """A reference, and whether it was created now (False: the film was there already)."""

    reference: ReferenceImage
    created: bool


@dataclass(frozen=True, slots=True)
class Film:
    """A validated film on its way into the catalogue.

    `stored_at`: its name in the default storage when it lies under `referencia/` there already;
    empty: a copy without metadata is stored.
    """

    radiograph: Radiograph
    stored_at: str = ""
    region: Region | None = None
    diameter_mm: Decimal | None = None
    length_mm: Decimal | None = None


def curators_key(implant_id: int, sha256: str) -> str:
    """The source key of a film that a curator uploaded to this implant."""
    return f"curator/{implant_id}/{sha256}"


def refuse_patient_key(key: str) -> None:
    """Raises `PatientKeyError` if any folder of `key` is one of patients' films."""
    folders = key.replace("\\", "/").casefold().split("/")[:-1]
    if not _PATIENTS_FOLDERS.isdisjoint(folders):
        raise PatientKeyError(f"{key} lies where patients' films are kept.")


def add_reference(
    implant: Implant,
    data: bytes,
    *,
    source_key: str = "",
    region: Region | None = None,
    diameter_mm: Decimal | None = None,
    length_mm: Decimal | None = None,
    actor: Any = None,
) -> Added:
    """Take the received bytes as a reference of `implant` and have its vector made by a job.

    The same film of the same implant is not added twice: the one that is there comes back. The
    history says that `actor` added it (None: the service itself). Raises `RadiographError` and
    `PatientKeyError`.
    """
    film = Film(open_radiograph(data), "", region, diameter_mm, length_mm)
    key = source_key or curators_key(implant.pk, film.radiograph.sha256)
    with transaction.atomic():
        added = add_film(implant, film, source_key=key, actor=actor)
        if added.created:
            defer_embedding([added.reference.pk])
    return added


def add_film(
    implant: Implant, film: Film, *, source_key: str, is_demo: bool = False, actor: Any = None
) -> Added:
    """Add a validated film without asking for its vector (seeding makes them in batches).

    A reference that has lost its file gets this one, as if it were new: its region, its sizes and
    its vectors stay, since the film is the same.
    """
    refuse_patient_key(source_key)
    refuse_patient_key(film.stored_at)
    known = implant.references.filter(sha256=film.radiograph.sha256)
    if not film.stored_at and (there := known.first()):
        return Added(there, _gets_its_file_back(there, film, source_key, actor))
    # The file first: no transaction waits for storage, and what a rollback leaves behind is used
    # by the next attempt. Of two who add the same film at once, one gets the other's row.
    added = Added(
        *ReferenceImage.objects.get_or_create(
            implant=implant,
            sha256=film.radiograph.sha256,
            defaults={
                "source_key": source_key,
                "image": film.stored_at or store_copy(implant.pk, film.radiograph),
                "region": None if film.region is None else film.region.to_list(),
                "diameter_mm": film.diameter_mm,
                "length_mm": film.length_mm,
                "is_demo": is_demo,
            },
        )
    )
    if not added.created:
        there = added.reference
        return Added(there, _gets_its_file_back(there, film, source_key, actor))
    if not is_demo:
        record(added.reference, ADDITION, gettext("Radiograph added."), actor)
    return added


def _gets_its_file_back(reference: ReferenceImage, film: Film, source_key: str, actor: Any) -> bool:
    """Whether the known reference had lost its file: renamed in its bucket, or deleted there.

    Its source stays, and with it what a promoted film's case is known by; unless the film lies in
    the bucket under another name now, and another film may come under the old one.
    """
    name = str(reference.image.name)
    # A patient's film stands under her case's key alone.
    if film.stored_at.startswith(PROMOTED) or default_storage.exists(name):
        return False
    place = PROMOTED if name.startswith(PROMOTED) else COPIES
    copy = film.stored_at or store_copy(reference.implant_id, film.radiograph, place=place)
    reference.image.name, reference.encoding_error = copy, ""
    if film.stored_at and not reference.source_key.startswith(CASE_KEYS):
        reference.source_key = source_key
    reference.save(update_fields=["image", "encoding_error", "source_key"])
    record(reference, CHANGE, gettext("The radiograph had lost its file; it has it again."), actor)
    return True


def store_copy(implant_id: int, film: Radiograph, *, place: str = COPIES) -> str:
    """Our copy of a film of this implant in the default storage, made if it is missing: its name.

    Needs no database. `place` is `COPIES` or `PROMOTED`.
    """
    # The name tells the content: what an interrupted attempt left behind is the same film.
    name = f"{place}{implant_id}/{film.sha256}.png"
    if default_storage.exists(name):
        return name
    return default_storage.save(name, ContentFile(clean_copy(film)))


def replace_film(reference: ReferenceImage, film: Film) -> None:
    """The film behind the reference's source key has other content now.

    The implant lies elsewhere on it: the region of the film before does not count any more.
    """
    refuse_patient_key(film.stored_at)
    reference.sha256 = film.radiograph.sha256
    reference.image.name = film.stored_at or store_copy(reference.implant_id, film.radiograph)
    reference.region = None
    with transaction.atomic():
        reference.save(update_fields=["sha256", "image", "region"])
        record(reference, CHANGE, gettext("Radiograph replaced, to be marked anew."))
        forget_vectors(reference)


def change_region(reference: ReferenceImage, region: Region | None, actor: Any = None) -> bool:
    """Mark another part of the film; False if it is marked already (or the row is gone).

    The vectors of the part before are gone with the same commit, so that none of them answers for
    this one; a job that is encoding the part before finds it changed and stores nothing.
    """
    stored = None if region is None else region.to_list()
    with transaction.atomic():
        row = ReferenceImage.objects.select_for_update().filter(pk=reference.pk).first()
        if row is None or row.region == stored:
            return False
        row.region = stored
        row.save(update_fields=["region"])
        record(row, CHANGE, gettext("Region marked."), actor)
        forget_vectors(row)
        defer_embedding([row.pk])
    reference.region = stored
    return True


def forget_vectors(reference: ReferenceImage) -> None:
    """After a change of film or region: what was computed from it before counts no more."""
    reference.vectors.all().delete()
    ReferenceImage.objects.filter(pk=reference.pk).update(encoding_error="")
    catalogue_changed()


def defer_embedding(reference_ids: Iterable[int]) -> None:
    """Ask for vectors by the active encoder; the jobs commit with the caller's transaction."""
    jobs: list[dict[str, JSONValue]] = [
        {"reference_id": pk, "correlation_id": correlation.current()} for pk in reference_ids
    ]
    if jobs:
        job("implants.embed_reference").batch_defer(*jobs)


def catalogue_changed() -> None:
    """What the active encoder's answers are drawn from has changed: have them calibrated anew.

    Asked for once this transaction is committed. Earlier, a job that is waiting already might run
    before the change can be seen, and others would wait for this transaction's end.
    """
    transaction.on_commit(_ask_for_calibration)


def without_vector(encoder_id: int) -> QuerySet[ReferenceImage]:
    """The references that this encoder has no vector of."""
    vectors = ReferenceVector.objects.filter(reference=OuterRef("pk"), encoder_id=encoder_id)
    return ReferenceImage.objects.filter(~Exists(vectors))


def with_encoding_state(
    references: QuerySet[ReferenceImage],
) -> "QuerySet[WithAnnotations[ReferenceImage, _State]]":
    """Annotates `encoding_state` (an `EncodingState`): how far the active encoder has got."""
    vectors = ReferenceVector.objects.filter(reference=OuterRef("pk"), encoder__is_active=True)
    state = Case(
        When(Exists(vectors), then=Value(EncodingState.READY.value)),
        When(~models.Q(encoding_error=""), then=Value(EncodingState.FAILED.value)),
        default=Value(EncodingState.WAITING.value),
    )
    return references.annotate(encoding_state=state)


def describe_encoding_error(code: str) -> str:
    """What `ReferenceImage.encoding_error` means, in the reader's language; '' for none."""
    if code in _ENCODING_ERRORS:
        return str(_ENCODING_ERRORS[code])
    return str(RadiographError(code)) if code else ""


def _ask_for_calibration() -> None:
    """One waiting job is enough; one that runs already may have missed the change."""
    if ProcrastinateJob.objects.filter(queueing_lock=_CALIBRATION_LOCK, status="todo").exists():
        return
    refresh = job(
        "cases.refresh_calibration",
        queueing_lock=_CALIBRATION_LOCK,
        schedule_in={"seconds": _SETTLING_SECONDS},
    )
    # Somebody else may ask at the same moment. What fails then must not take a transaction with it.
    with suppress(AlreadyEnqueued), transaction.atomic():
        refresh.defer()
