"""What a film looks like before it becomes a reference of an implant, so that a wrong name shows.

The nearest references are found by vector. Whether one of them is the same picture again, saved
anew, brightened or turned around, is told by the pixels: how similar copies are differs from
encoder to encoder.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from django.db.models import QuerySet
from numpy.typing import NDArray
from pgvector.django import CosineDistance
from PIL import Image

from implants.encoders.session import Vector
from implants.models import Implant, ReferenceImage, ReferenceVector
from implants.radiograph import Radiograph, RadiographError, reopen_copy

COPY_CORRELATION: Final = 0.97
"""Copies saved again, smaller, brighter or inverted: 0.98 at least; of 48 periapical films and 43
rendered ones no two exceed 0.80, each also mirrored and upside down. A copy that was cut, or turned
by a quarter, is not told from another film."""

_SIDE: Final = 64

Signature = NDArray[np.float32]


class Likeness(StrEnum):
    """What the nearest references say about the implant that a film is to document."""

    OWN = "own"
    COPY_OF_OWN = "copy_of_own"
    OTHER = "other"
    COPY_OF_OTHER = "copy_of_other"
    ONLY_OTHERS = "only_others"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A reference, 1 - cosine distance to it, and whether it is the same picture again."""

    reference: ReferenceImage
    similarity: float
    is_copy: bool


@dataclass(frozen=True, slots=True)
class Resemblance:
    """The nearest reference of all, and the nearest of the implant's own; None if there is none."""

    nearest: Neighbour | None
    own: Neighbour | None

    @property
    def likeness(self) -> Likeness:
        """The nearest neighbour in a word."""
        if self.nearest is None:
            return Likeness.NOTHING
        if self.own is not None and self.own.reference.pk == self.nearest.reference.pk:
            return Likeness.COPY_OF_OWN if self.own.is_copy else Likeness.OWN
        if self.nearest.is_copy:
            return Likeness.COPY_OF_OTHER
        if self.own is None:
            return Likeness.ONLY_OTHERS
        return Likeness.COPY_OF_OWN if self.own.is_copy else Likeness.OTHER


def resemblance(
    implant: Implant, radiograph: Radiograph, vector: Vector, encoder_id: int, *, has_region: bool
) -> Resemblance:
    """What a film of `implant` resembles; `vector` is this encoder's of the film or its region.

    Regions are compared with regions, whole films with whole films: across, a similarity says
    nothing. References of the same bytes are left out: a duplicate would be nearest always.
    """
    rows = ReferenceVector.objects.filter(
        encoder_id=encoder_id, reference__region__isnull=not has_region
    )
    compared = rows.exclude(reference__sha256=radiograph.sha256)
    nearest = _nearest(compared, vector)
    own = _nearest(compared.filter(reference__implant=implant), vector)
    copies = _copies({row.reference for row in (nearest, own) if row}, radiograph)
    return Resemblance(_neighbour(nearest, copies), _neighbour(own, copies))


def _nearest(rows: QuerySet[Any], vector: Vector) -> Any:
    """By exact distance: the index holds another expression."""
    measured = rows.annotate(distance=CosineDistance("embedding", vector))
    return (
        measured.select_related("reference__implant__manufacturer")
        .order_by("distance", "reference_id")
        .first()
    )


def _neighbour(row: Any, copies: set[int]) -> Neighbour | None:
    if row is None:
        return None
    return Neighbour(row.reference, 1 - row.distance, row.reference_id in copies)


def _copies(references: Iterable[ReferenceImage], radiograph: Radiograph) -> set[int]:
    """Which of the references show the same picture; one that can't be read does not count."""
    asked = _signature(radiograph.image)
    copies = set()
    for reference in references:
        with suppress(OSError, BotoCoreError, ClientError, RadiographError):
            with reference.image.open("rb") as file:
                stored = reopen_copy(file.read()).image
            if _same_picture(asked, _signature(stored)):
                copies.add(reference.pk)
    return copies


def _same_picture(one: Signature, other: Signature) -> bool:
    """Also mirrored, upside down or as a negative, which correlates the other way round."""
    views = other, other[:, ::-1], other[::-1], other[::-1, ::-1]
    return max(abs(float(np.vdot(one, view))) for view in views) >= COPY_CORRELATION


def _signature(image: Image.Image) -> Signature:
    """The picture's levels in 64 by 64 boxes around their mean, shape (64, 64), length 1."""
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    levels = np.asarray(small, dtype=np.float32)
    levels = levels - levels.mean()
    # A film has some contrast, or it would have been refused; its boxes may have hardly any.
    return levels / max(float(np.linalg.norm(levels)), 1e-6)
