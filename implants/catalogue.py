"""The catalogue's references: how a film becomes one, and how its vector is made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from procrastinate.types import JSONValue

from implants.encoders.active import ActiveEncoder, active
from implants.encoders.session import EncodingError
from implants.models import Implant, ReferenceImage, ReferenceVector
from implants.radiograph import (
    Radiograph,
    RadiographError,
    clean_copy,
    open_radiograph,
    reopen_copy,
)
from implants.region import Region, RegionError
from raiox.common import correlation
from raiox.common.jobs import job

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

COPIES: Final = "referencia/raiox/"
"""Where our own copies lie, so that seeding from `referencia/` never takes them for new films."""
_PATIENTS_FOLDERS: Final = frozenset({"uploads", "clientes"})

_ENCODING_ERRORS: Final[dict[str, Promise]] = {
    "file_missing": _("The file is gone from storage: upload the radiograph again."),
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
) -> Added:
    """Take the received bytes as a reference of `implant` and have its vector made by a job.

    The same film of the same implant is not added twice: the one that is there comes back.
    Raises `RadiographError` and `PatientKeyError`.
    """
    film = Film(open_radiograph(data), "", region, diameter_mm, length_mm)
    key = source_key or f"curator/{implant.pk}/{film.radiograph.sha256}"
    with transaction.atomic():
        added = add_film(implant, film, source_key=key)
        if added.created:
            defer_embedding([added.reference.pk])
    return added


def add_film(implant: Implant, film: Film, *, source_key: str, is_demo: bool = False) -> Added:
    """Add a validated film without asking for its vector (seeding makes them in batches)."""
    refuse_patient_key(source_key)
    refuse_patient_key(film.stored_at)
    known = implant.references.filter(sha256=film.radiograph.sha256).first()
    if known is not None:
        return Added(known, False)
    # The file first: no transaction waits for storage, and what a rollback leaves behind is used
    # by the next attempt. Of two who add the same film at once, one gets the other's row.
    return Added(
        *ReferenceImage.objects.get_or_create(
            implant=implant,
            sha256=film.radiograph.sha256,
            defaults={
                "source_key": source_key,
                "image": _stored_name(implant, film),
                "region": None if film.region is None else film.region.to_list(),
                "diameter_mm": film.diameter_mm,
                "length_mm": film.length_mm,
                "is_demo": is_demo,
            },
        )
    )


def replace_film(reference: ReferenceImage, film: Film) -> None:
    """The film behind the reference's source key has other content now."""
    refuse_patient_key(film.stored_at)
    reference.sha256 = film.radiograph.sha256
    reference.image.name = _stored_name(reference.implant, film)
    with transaction.atomic():
        reference.save(update_fields=["sha256", "image"])
        forget_vectors(reference)


def forget_vectors(reference: ReferenceImage) -> None:
    """After a change of film or region: what was computed from it before counts no more."""
    reference.vectors.all().delete()
    ReferenceImage.objects.filter(pk=reference.pk).update(encoding_error="")


def defer_embedding(reference_ids: Iterable[int]) -> None:
    """Ask for vectors by the active encoder; the jobs commit with the caller's transaction."""
    jobs: list[dict[str, JSONValue]] = [
        {"reference_id": pk, "correlation_id": correlation.current()} for pk in reference_ids
    ]
    if jobs:
        job("implants.embed_reference").batch_defer(*jobs)


def embed_reference(reference_id: int) -> None:
    """Make the active encoder's vector of a reference, unless it is there (or the row gone).

    What can't get better by itself is written into `encoding_error`. Raises what may pass:
    `EncoderUnavailable`, errors of database and storage.
    """
    encoder = active()
    reference = without_vector(encoder.encoder_id).filter(pk=reference_id).first()
    if reference is not None:
        embed([reference], encoder)


def embed(
    references: Sequence[ReferenceImage],
    encoder: ActiveEncoder,
    films: Mapping[int, Radiograph] = MappingProxyType({}),
) -> list[ReferenceImage]:
    """Make and store the vectors of these references; gives back those that failed for good.

    `films`: the films that need not be read from storage, by the reference's id.
    """
    loaded, failed = [], []
    for reference in references:
        try:
            film = films.get(reference.pk) or _load(reference)
            loaded.append((reference, film, _region(reference)))
        except (RadiographError, FileNotFoundError, RegionError) as error:
            failed.append(_mark_failed(reference, _error_code(error)))
    return failed + _encode(loaded, encoder)


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


def _stored_name(implant: Implant, film: Film) -> str:
    """Where the film lies in the default storage: in place, or as our copy made now."""
    if film.stored_at:
        return film.stored_at
    # The name tells the content: what an interrupted attempt left behind is the same film.
    name = f"{COPIES}{implant.pk}/{film.radiograph.sha256}.png"
    if default_storage.exists(name):
        return name
    return default_storage.save(name, ContentFile(clean_copy(film.radiograph)))


def _load(reference: ReferenceImage) -> Radiograph:
    with default_storage.open(str(reference.image.name)) as file:
        return reopen_copy(file.read())


def _region(reference: ReferenceImage) -> Region | None:
    return None if reference.region is None else Region.from_list(reference.region)


def _error_code(error: Exception) -> str:
    if isinstance(error, RadiographError):
        return error.code
    return "file_missing" if isinstance(error, FileNotFoundError) else "invalid_region"


_Loaded = tuple[ReferenceImage, Radiograph, Region | None]


def _encode(loaded: list[_Loaded], encoder: ActiveEncoder) -> list[ReferenceImage]:
    """Encode in one batch; if that fails, one by one, so that one bad film spoils no other."""
    if not loaded:
        return []
    try:
        vectors = encoder.session.encode_batch([(film.image, part) for _, film, part in loaded])
    except EncodingError:
        if len(loaded) == 1:
            return [_mark_failed(loaded[0][0], "not_encodable")]
        return [failed for item in loaded for failed in _encode([item], encoder)]
    _store_vectors([reference for reference, _, _ in loaded], vectors, encoder.encoder_id)
    return []


def _mark_failed(reference: ReferenceImage, code: str) -> ReferenceImage:
    reference.encoding_error = code
    reference.save(update_fields=["encoding_error"])
    return reference


def _store_vectors(references: list[ReferenceImage], vectors: NDArray, encoder_id: int) -> None:
    """Store the vectors of those references whose film and region are still the encoded ones."""
    ids = [reference.pk for reference in references]
    with transaction.atomic():
        stored = ReferenceImage.objects.select_for_update().in_bulk(ids)
        current = [
            (reference, vector)
            for reference, vector in zip(references, vectors, strict=True)
            if reference.pk in stored and _film(stored[reference.pk]) == _film(reference)
        ]
        ReferenceVector.objects.bulk_create(
            [
                ReferenceVector(reference=reference, encoder_id=encoder_id, embedding=vector)
                for reference, vector in current
            ],
            update_conflicts=True,
            unique_fields=["reference", "encoder"],
            update_fields=["embedding"],
        )
        done = [reference.pk for reference, _ in current]
        ReferenceImage.objects.filter(pk__in=done).exclude(encoding_error="").update(
            encoding_error=""
        )


def _film(reference: ReferenceImage) -> tuple[str, list[float] | None]:
    return reference.sha256, reference.region
