"""Polarity: a negative is told from a film, and nothing that is no sign of it counts."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from implants.encoders.bundle import BUNDLED, load_bundle
from implants.encoders.polarity import is_inverted, polarity
from tests.implants.encoders.films import clear_film, rendered_image

THRESHOLD = load_bundle(BUNDLED).preprocessing.polarity_threshold
FILMS = [(system, view) for system in range(4) for view in range(6)]


@pytest.mark.parametrize("at", FILMS)
def test_a_negative_scores_the_opposite(at: tuple[int, int]) -> None:
    film = rendered_image(*at)
    assert polarity(ImageOps.invert(film)) == pytest.approx(-polarity(film), abs=0.03)


def test_no_rendered_film_is_taken_for_a_negative() -> None:
    assert not any(is_inverted(rendered_image(*at), THRESHOLD) for at in FILMS)


def test_many_negatives_of_rendered_films_are_found() -> None:
    found = [is_inverted(ImageOps.invert(rendered_image(*at)), THRESHOLD) for at in FILMS]
    assert sum(found) > 0.4 * len(found)


@pytest.mark.parametrize("frame", [0, 255])
def test_a_frame_does_not_deceive(frame: int) -> None:
    framed = ImageOps.expand(clear_film(), 60, fill=frame)
    assert not is_inverted(framed, THRESHOLD)
    assert is_inverted(ImageOps.expand(ImageOps.invert(clear_film()), 60, fill=frame), THRESHOLD)


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_direction_of_light_is_no_sign(corner: tuple[int, int]) -> None:
    """One side of the film brighter than the other says nothing about polarity."""
    y, x = np.mgrid[0:1:200j, 0:1:200j]
    slope = 40 + 80 * np.abs(corner[0] - y) + 80 * np.abs(corner[1] - x)
    assert abs(polarity(Image.fromarray(slope.astype(np.uint8)))) < THRESHOLD


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_of_one_shade_has_no_polarity(level: int) -> None:
    assert polarity(Image.new("L", (100, 80), level)) == 0
