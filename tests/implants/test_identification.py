"""One way from a film to candidates: film and negative get the same answer, clear or not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageOps

from implants.activation import activate
from implants.catalogue import add_reference
from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS
from implants.demo.systems import DEMO_SYSTEMS
from implants.embedding import embed
from implants.encoders.active import ActiveEncoder, active, forget
from implants.encoders.bundle import BUNDLED
from implants.encoders.polarity import is_inverted, is_unclear
from implants.identification import identify
from implants.radiograph import Radiograph, open_radiograph
from implants.region import Region
from implants.search import search
from tests.factories import ImplantFactory
from tests.films import film

pytestmark = pytest.mark.django_db
SYSTEMS = DEMO_SYSTEMS[:4]


@pytest.fixture
def encoder(media: Path) -> ActiveEncoder:
    """The bundled encoder, and four implants with two rendered films each."""
    forget()
    activate(BUNDLED)
    for system in SYSTEMS:
        implant = ImplantFactory.create(name=system.name)
        films = [film(system, view) for view in VIEWS[:2]]
        embed([add_reference(implant, data).reference for data in films], active())
    return active()


def queries() -> list[Radiograph]:
    """A film of each system as a dentist would send it."""
    return [open_radiograph(film(system, VIEWS[1], query=True)) for system in SYSTEMS]


def negative_of(film: Radiograph) -> Radiograph:
    return open_radiograph(encode_png(np.asarray(ImageOps.invert(film.image))))


def a_film(encoder: ActiveEncoder, *, unclear: bool) -> Radiograph:
    """The first rendered film that shows which way round it is, or the first that doesn't."""
    threshold = encoder.session.bundle.preprocessing.polarity_threshold
    films = (
        open_radiograph(film(system, view, query=True)) for system in SYSTEMS for view in VIEWS
    )
    found = next(one for one in films if is_unclear(one.image, threshold) is unclear)
    assert not is_inverted(found.image, threshold)
    return found


def unclear_film(encoder: ActiveEncoder) -> Radiograph:
    return a_film(encoder, unclear=True)


def answer(
    film: Radiograph, encoder: ActiveEncoder, region: Region | None = None
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    found = identify(film, encoder, region=region)
    return found.embedding, [(one.implant_id, one.reference_id) for one in found.candidates]


def test_a_film_and_its_negative_get_the_same_answer(encoder: ActiveEncoder) -> None:
    for radiograph in [*queries(), unclear_film(encoder)]:
        vector, candidates = answer(radiograph, encoder)
        of_negative, its_candidates = answer(negative_of(radiograph), encoder)
        assert vector @ of_negative >= 0.99
        assert candidates == its_candidates


def test_an_unclear_film_is_answered_by_the_reading_that_finds_more(
    encoder: ActiveEncoder,
) -> None:
    film = unclear_film(encoder)
    readings = [encoder.session.encode(image.image) for image in (film, negative_of(film))]
    assert readings[0] @ readings[1] < 0.99
    found = identify(film, encoder)
    best = [search(way, encoder_id=encoder.encoder_id)[0].similarity for way in readings]
    assert found.candidates[0].similarity == pytest.approx(max(best))
    assert found.embedding @ readings[int(np.argmax(best))] == pytest.approx(1, abs=1e-5)


def test_a_region_of_an_unclear_film_is_read_both_ways_too(encoder: ActiveEncoder) -> None:
    film, region = unclear_film(encoder), Region(0.2, 0.2, 0.5, 0.6)
    vector, candidates = answer(film, encoder, region)
    of_negative, its_candidates = answer(negative_of(film), encoder, region)
    assert vector @ of_negative >= 0.99
    assert candidates == its_candidates


def test_a_known_vector_is_taken_where_the_film_is_clear(encoder: ActiveEncoder) -> None:
    known = encoder.session.encode(unclear_film(encoder).image)
    assert identify(a_film(encoder, unclear=False), encoder, known=known).embedding is known


def test_an_unclear_film_is_read_both_ways_again(encoder: ActiveEncoder) -> None:
    """The catalogue may have grown since: then the other way may find more."""
    film = unclear_film(encoder)
    ways = [encoder.session.encode(image.image) for image in (film, negative_of(film))]
    for way in ways:
        again = identify(film, encoder, known=way).embedding
        assert np.allclose(again, identify(film, encoder).embedding, atol=1e-5)
