"""References get their vectors: the film is read and encoded, and its vector stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists
from numpy.typing import NDArray

from implants.ahead import decoding, encoding
from implants.catalogue import COPIES, catalogue_changed, without_vector
from implants.encoders.active import ActiveEncoder, active, forget, still_active
from implants.encoders.preprocessing import prepare
from implants.encoders.session import EncoderSession, EncodingError, Vector
from implants.models import Encoder, ReferenceImage, ReferenceVector
from implants.radiograph import Radiograph, RadiographError, reopen_copy
from implants.region import Region, RegionError
from implants.vectors import Part, known_vectors, part_of

BATCH: Final = 16

Tensor = NDArray[np.float32]


class FileChangedError(Exception):
    """A film that is used in place is not the one any more that was seeded."""


class Encoded(NamedTuple):
    """What one encoder made of a film or of a region of it (as it is stored)."""

    encoder_id: int
    region: list[float] | None
    vector: Vector


# What can't get better by itself, and how `ReferenceImage.encoding_error` calls it.
_CODES: Final[dict[type[Exception], str]] = {
    FileNotFoundError: "file_missing",
    FileChangedError: "file_changed",
    RegionError: "invalid_region",
    EncodingError: "not_encodable",
}
LASTING: Final[tuple[type[Exception], ...]] = (RadiographError, *_CODES)
PASSING: Final = (OSError, BotoCoreError, ClientError)
"""What storage raises and may not raise the next time."""


def embed_reference(reference_id: int) -> None:
    """Make the active encoder's vector of a reference, unless it is there (or the row gone).

    What can't get better by itself is written into `encoding_error`. Raises what may pass:
    `EncoderUnavailable`, errors of database and storage.
    """
    embed_for_search(list(ReferenceImage.objects.filter(pk=reference_id)))


def embed_for_search(
    references: Sequence[ReferenceImage],
    encoded: Mapping[int, Encoded | Exception] = MappingProxyType({}),
) -> list[ReferenceImage]:
    """Have these references found: make the vectors that the active encoder lacks.

    If another encoder is activated meanwhile, by that one too: its activation has not seen what
    was added since. Gives back those that failed for good; `encoded` is as `embed` takes it.
    """
    ids = [reference.pk for reference in references]
    while True:
        encoder = active()
        lacking = set(without_vector(encoder.encoder_id).filter(pk__in=ids).values_list("pk"))
        failed = embed([one for one in references if (one.pk,) in lacking], encoder, encoded)
        if still_active(encoder):
            return failed
        forget()


def embed(
    references: Sequence[ReferenceImage],
    encoder: ActiveEncoder,
    encoded: Mapping[int, Encoded | Exception] = MappingProxyType({}),
) -> list[ReferenceImage]:
    """Make and store an encoder's vectors of these references; gives back those that failed.

    Why is in their `encoding_error`; only the active encoder's failures are written down, since
    those of another one are no reason not to be found. `encoded`: what was made of them already, or
    the `LASTING` errors that this gave, by the reference's id.
    """
    vectors = known_vectors([_part(reference) for reference in references], encoder)
    tensors: dict[Part, Tensor] = {}
    for reference in references:
        reference.encoding_error = ""
        part = _part(reference)
        try:
            if vector := _ready(reference, encoder, encoded):
                vectors.setdefault(part, vector.vector)
            elif part not in vectors and part not in tensors:
                tensors[part] = _prepared(reference, encoder)
        except LASTING as error:
            reference.encoding_error = _error_code(error)
    vectors |= _encode(tensors, encoder)
    _store_vectors([one for one in references if _part(one) in vectors], vectors, encoder)
    return _mark_failed([one for one in references if _part(one) not in vectors], encoder)


def for_many(encoder: ActiveEncoder) -> ActiveEncoder:
    """The same encoder for `encode_film` in several threads at once.

    One thread an image: two images on two cores take less time so than one after the other on both.
    """
    return replace(encoder, session=EncoderSession(encoder.session.bundle, threads=1))


def encode_reference(reference: ReferenceImage, encoder: ActiveEncoder) -> Encoded:
    """Read a reference's film from storage and encode it; needs no database.

    Raises `EncoderUnavailable`, `LASTING` and `PASSING` errors.
    """
    data = _read(reference)
    with decoding:
        film = _opened(reference, data)
    return encode_film(film, reference.region, encoder)


def encode_film(film: Radiograph, region: list[float] | None, encoder: ActiveEncoder) -> Encoded:
    """Encode a film; `region` as it is stored. Raises as `encode_reference` does."""
    with encoding:
        vector = encoder.session.encode(film.image, _region(region))
    return Encoded(encoder.encoder_id, region, vector)


def _part(reference: ReferenceImage) -> Part:
    # A film whose bytes nobody knows is like no other.
    return part_of(reference.sha256 or f"reference {reference.pk}", reference.region)


def _ready(
    reference: ReferenceImage, encoder: ActiveEncoder, encoded: Mapping[int, Encoded | Exception]
) -> Encoded | None:
    """The vector made beforehand, if it is of this encoder and of the part that counts now."""
    ready = encoded.get(reference.pk)
    if isinstance(ready, Exception):
        raise ready
    if ready is None or (ready.encoder_id, ready.region) != (encoder.encoder_id, reference.region):
        return None
    return ready


def _prepared(reference: ReferenceImage, encoder: ActiveEncoder) -> Tensor:
    film = _opened(reference, _read(reference))
    return prepare(film.image, encoder.session.bundle.preprocessing, _region(reference.region))


def _read(reference: ReferenceImage) -> bytes:
    with default_storage.open(str(reference.image.name)) as file:
        data: bytes = file.read()
    return data


def _opened(reference: ReferenceImage, data: bytes) -> Radiograph:
    film = reopen_copy(data)
    # Of a film that is used in place we know the bytes; its vector stands for them from now on.
    if not str(reference.image.name).startswith(COPIES) and film.sha256 != reference.sha256:
        raise FileChangedError(reference.image.name)
    return film


def _region(stored: list[float] | None) -> Region | None:
    return None if stored is None else Region.from_list(stored)


def _error_code(error: Exception) -> str:
    if isinstance(error, RadiographError):
        return error.code
    return next(code for kind, code in _CODES.items() if isinstance(error, kind))


def _encode(tensors: Mapping[Part, Tensor], encoder: ActiveEncoder) -> dict[Part, Vector]:
    """Encode in one batch; if that fails, one by one, so that one bad film spoils no other."""
    if not tensors:
        return {}
    try:
        vectors = encoder.session.embed(np.concatenate(list(tensors.values())))
    except EncodingError:
        if len(tensors) == 1:
            return {}
        alone = [_encode({part: tensor}, encoder) for part, tensor in tensors.items()]
        return {part: vector for found in alone for part, vector in found.items()}
    return dict(zip(tensors, vectors, strict=True))


def _mark_failed(references: list[ReferenceImage], encoder: ActiveEncoder) -> list[ReferenceImage]:
    for reference in references:
        reference.encoding_error = reference.encoding_error or "not_encodable"
        ReferenceImage.objects.filter(_answers(encoder), pk=reference.pk).update(
            encoding_error=reference.encoding_error
        )
    return references


def _answers(encoder: ActiveEncoder) -> Exists:
    return Exists(Encoder.objects.filter(pk=encoder.encoder_id, is_active=True))


def _store_vectors(
    references: list[ReferenceImage], vectors: Mapping[Part, Vector], encoder: ActiveEncoder
) -> None:
    """Store the vectors of those references whose film and region are still the encoded ones."""
    ids = [reference.pk for reference in references]
    with transaction.atomic():
        stored = ReferenceImage.objects.select_for_update().order_by("pk").in_bulk(ids)
        # In one order, so that nobody who writes the same ones waits crosswise.
        done = sorted(
            reference.pk
            for reference in references
            if reference.pk in stored and _part(stored[reference.pk]) == _part(reference)
        )
        _write(((pk, vectors[_part(stored[pk])]) for pk in done), encoder.encoder_id)
        answering = ReferenceImage.objects.filter(_answers(encoder), pk__in=done)
        answering.exclude(encoding_error="").update(encoding_error="")
        if done and still_active(encoder):
            catalogue_changed()


def _write(vectors: Iterable[tuple[int, Vector]], encoder_id: int) -> None:
    ReferenceVector.objects.bulk_create(
        [
            ReferenceVector(reference_id=pk, encoder_id=encoder_id, embedding=vector)
            for pk, vector in vectors
        ],
        update_conflicts=True,
        unique_fields=["reference", "encoder"],
        update_fields=["embedding"],
    )
