"""Vectors that are known already: the same bytes, region and encoder give the same one.

The database has those of the references. With Redis those of questions are kept for a day as
well; process memory is not used instead, since several processes would each keep their own.
"""

import base64
import binascii
import logging
from collections.abc import Collection
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.core.cache import caches

from implants.encoders.active import ActiveEncoder
from implants.encoders.session import Vector
from implants.models import DIMENSIONS, ReferenceVector
from implants.radiograph import Radiograph
from implants.region import Region

logger = logging.getLogger(__name__)

CACHE: Final = "vectors"
"""The cache's alias in the settings; there is none without Redis."""
KEPT_SECONDS: Final = 24 * 60 * 60
_UNIT_TOLERANCE: Final = 1e-3

Part = tuple[str, tuple[float, ...] | None]
"""The SHA-256 of a film's received bytes and the region in question, None for the whole film."""


def part_of(sha256: str, region: Collection[float] | None) -> Part:
    """The part of a film, with the region as it is stored."""
    return sha256, None if region is None else tuple(region)


def vector_of(radiograph: Radiograph, encoder: ActiveEncoder, region: Region | None) -> Vector:
    """The vector of a film or of a region of it, shape (512,), length 1; computed if unknown.

    `radiograph.sha256` must be that of the received bytes. Raises `EncoderUnavailable` and
    `EncodingError`.
    """
    part = part_of(radiograph.sha256, region.to_list() if region else None)
    known = known_vectors([part], encoder)
    if part in known:
        return known[part]
    vector = encoder.session.encode(radiograph.image, region)
    _remember(part, vector, encoder)
    return vector


def known_vectors(parts: Collection[Part], encoder: ActiveEncoder) -> dict[Part, Vector]:
    """The encoder's vectors of those parts of which they need not be computed."""
    found = _of_references(parts, encoder)
    return found | _cached([part for part in parts if part not in found], encoder)


def _of_references(parts: Collection[Part], encoder: ActiveEncoder) -> dict[Part, Vector]:
    rows = ReferenceVector.objects.filter(
        encoder_id=encoder.encoder_id, reference__sha256__in={sha256 for sha256, _ in parts}
    ).values_list("reference__sha256", "reference__region", "embedding")
    found = {part_of(sha256, region): vector for sha256, region, vector in rows}
    checked = {part: _checked(found[part]) for part in parts if part in found}
    return {part: vector for part, vector in checked.items() if vector is not None}


def _cached(parts: Collection[Part], encoder: ActiveEncoder) -> dict[Part, Vector]:
    """What Redis keeps. Without an answer from it everything is computed: it only saves time."""
    if not parts or CACHE not in settings.CACHES:
        return {}
    keys = {_key(part, encoder): part for part in parts}
    try:
        values = caches[CACHE].get_many(list(keys))
    except Exception as error:  # whatever is wrong with Redis, a film can be encoded
        logger.warning("vector cache not read", extra={"error": type(error).__name__})
        return {}
    found = {keys[key]: _decoded(value) for key, value in values.items()}
    return {part: vector for part, vector in found.items() if vector is not None}


def _remember(part: Part, vector: Vector, encoder: ActiveEncoder) -> None:
    if CACHE not in settings.CACHES:
        return
    value = base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
    try:
        caches[CACHE].set(_key(part, encoder), value, KEPT_SECONDS)
    except Exception as error:
        logger.warning("vector cache not written", extra={"error": type(error).__name__})


def _key(part: Part, encoder: ActiveEncoder) -> str:
    """The encoder's version tells its bundle's content, ours how films are read and prepared."""
    sha256, region = part
    place = "whole" if region is None else ",".join(map(repr, region))
    ours = settings.RAIOX_VERSION
    return f"{ours}:{encoder.encoder_id}:{encoder.version}:{sha256}:{place}"


def _decoded(value: Any) -> Vector | None:
    """The vector in a cached text; None for anything else that may lie there."""
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return None
    return _checked(np.frombuffer(data, dtype="<f4")) if len(data) == 4 * DIMENSIONS else None


def _checked(values: Any) -> Vector | None:
    """512 finite numbers of length 1, as a vector of its own; None otherwise."""
    vector: Vector = np.array(values, dtype=np.float32)
    if vector.shape != (DIMENSIONS,) or not np.isfinite(vector).all():
        return None
    return vector if abs(np.linalg.norm(vector) - 1) <= _UNIT_TOLERANCE else None
