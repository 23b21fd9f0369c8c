"""How well an encoder tells the catalogue's implants apart, counted on catalogues made by hand."""

import numpy as np
import pytest

from implants.leave_one_out import CatalogueVectors, leave_one_out
from implants.models import Encoder, Implant
from implants.quality import (
    Hits,
    Quality,
    confused_pairs,
    keep_quality,
    measure,
    quality_of,
    single_references,
)
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    ReferenceImageFactory,
    reference_with_vector,
)

pytestmark = pytest.mark.django_db
DIMENSIONS = 512


def at(degrees: float) -> np.ndarray:
    """A direction in a plane: near angles are similar."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


@pytest.fixture
def encoder() -> Encoder:
    return EncoderFactory.create()


@pytest.fixture
def clear(encoder: Encoder) -> Implant:
    """Two films, each the other's nearest."""
    implant = ImplantFactory.create(name="clear")
    for angle in (0, 20):
        reference_with_vector(at(angle), encoder, implant)
    return implant


@pytest.fixture
def mixed(encoder: Encoder) -> tuple[Implant, Implant]:
    """Two implants whose three films each look like the other's."""
    first, second = ImplantFactory.create(name="first"), ImplantFactory.create(name="second")
    for angle in (90, 96, 102):
        reference_with_vector(at(angle), encoder, first)
        reference_with_vector(at(angle + 1), encoder, second)
    return first, second


def measured(encoder: Encoder) -> Quality:
    return measure(leave_one_out(CatalogueVectors.load(encoder.pk)))


def test_hits_are_counted_over_the_references_that_can_be_found(
    encoder: Encoder, clear: Implant, mixed: tuple[Implant, Implant]
) -> None:
    reference_with_vector(at(200), encoder, ImplantFactory.create(name="alone"))
    found = measured(encoder)
    assert found.whole_films == Hits(asked=8, first=2, among_three=8)
    assert found.regions == Hits(asked=0, first=0, among_three=0)
    assert found.implants == 4
    assert (found.chance_first, found.chance_three) == (0.25, 0.75)


def test_films_with_a_region_are_counted_apart(encoder: Encoder, clear: Implant) -> None:
    reference = clear.references.first()
    assert reference is not None
    reference.region = [0.1, 0.1, 0.5, 0.5]
    reference.save()
    found = measured(encoder)
    assert (found.whole_films.asked, found.regions.asked) == (1, 1)


def test_confused_pairs_come_with_the_most_frequent_first(
    encoder: Encoder, clear: Implant, mixed: tuple[Implant, Implant]
) -> None:
    first, second = mixed
    reference_with_vector(at(10), encoder, ImplantFactory.create(name="near clear"))
    keep_quality(encoder.pk, measured(encoder))
    encoder.refresh_from_db()
    kept = quality_of(encoder)
    assert kept is not None
    pairs = confused_pairs(kept)
    assert [(pair.implant, pair.suggested, pair.count) for pair in pairs[:2]] == [
        (first, second, 3),
        (second, first, 3),
    ]
    assert {(pair.implant.name, pair.count) for pair in pairs[2:]} == {("clear", 2)}
    assert not pairs[0].look_alikes
    Implant.objects.filter(pk__in=[first.pk, second.pk]).update(look_alike_group="g")
    assert confused_pairs(kept)[0].look_alikes
    first.references.all().delete()
    first.delete()
    assert [pair.implant.name for pair in confused_pairs(kept)] == ["clear"]


def test_figures_survive_being_kept(
    encoder: Encoder, clear: Implant, mixed: tuple[Implant, Implant]
) -> None:
    assert quality_of(encoder) is None
    found = measured(encoder)
    keep_quality(encoder.pk, found)
    encoder.refresh_from_db()
    assert quality_of(encoder) == found


def test_an_empty_catalogue_has_no_figures(encoder: Encoder) -> None:
    keep_quality(encoder.pk, measured(encoder))
    encoder.refresh_from_db()
    assert quality_of(encoder) is None


def test_single_references_are_implants_with_exactly_one(clear: Implant) -> None:
    ImplantFactory.create(name="none")
    alone = ReferenceImageFactory.create().implant
    assert single_references() == [alone]
