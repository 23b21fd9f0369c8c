"""Rows for tests, made by factory-boy."""

import hashlib
from typing import Any

import factory
import numpy as np
from factory.django import DjangoModelFactory

from implants.models import (
    AXES,
    DIMENSIONS,
    Encoder,
    Implant,
    Manufacturer,
    PrincipalAxis,
    Reduction,
    ReferenceImage,
    ReferenceVector,
)


def unit_vector(seed: int) -> np.ndarray:
    """A direction of its own for each seed, shape (512,), length 1."""
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class ManufacturerFactory(DjangoModelFactory[Manufacturer]):
    """A manufacturer."""

    class Meta:
        model = Manufacturer

    name = factory.Sequence(lambda n: f"Maker {n}")


class ImplantFactory(DjangoModelFactory[Implant]):
    """An implant of a manufacturer of its own."""

    class Meta:
        model = Implant

    manufacturer = factory.SubFactory(ManufacturerFactory)
    name = factory.Sequence(lambda n: f"Line {n}")


class ReferenceImageFactory(DjangoModelFactory[ReferenceImage]):
    """A reference whose file does not exist; give `image` to one that needs it."""

    class Meta:
        model = ReferenceImage

    implant = factory.SubFactory(ImplantFactory)
    image = factory.Sequence(lambda n: f"referencia/film-{n}.png")
    source_key = factory.Sequence(lambda n: f"test/{n}")
    sha256 = factory.Sequence(lambda n: hashlib.sha256(str(n).encode()).hexdigest())


class EncoderFactory(DjangoModelFactory[Encoder]):
    """An encoder's row; there is no bundle behind it."""

    class Meta:
        model = Encoder

    name = factory.Sequence(lambda n: f"encoder-{n}")
    path = "var/encoders/none"
    version = "1"


class ReferenceVectorFactory(DjangoModelFactory[ReferenceVector]):
    """A vector in a direction of its own, of a reference of its own."""

    class Meta:
        model = ReferenceVector

    reference = factory.SubFactory(ReferenceImageFactory)
    encoder = factory.SubFactory(EncoderFactory)
    embedding = factory.Sequence(unit_vector)


def reference_with_vector(embedding: Any, encoder: Encoder, implant: Implant) -> ReferenceImage:
    """A reference of `implant` that `encoder` sees as `embedding`."""
    vector = ReferenceVectorFactory.create(
        reference__implant=implant, encoder=encoder, embedding=embedding
    )
    return vector.reference


def with_axes(encoder: Encoder, axes: Any = None, *, depth: int | None = 200) -> Reduction:
    """Have the encoder's vectors reduced from now on: along random axes, or `axes` (128, 512).

    So deeply they are searched, whatever the number of references.
    """
    if axes is None:
        drawn = np.random.default_rng(5).normal(size=(DIMENSIONS, AXES))
        axes = np.linalg.qr(drawn)[0].T
    reduction = Reduction.objects.create(
        encoder=encoder, learned_from=1, measured_from=1, depth=depth
    )
    PrincipalAxis.objects.bulk_create(
        PrincipalAxis(reduction=reduction, number=number, direction=axis)
        for number, axis in enumerate(axes)
    )
    return reduction
