"""Whatever the preparation does to be quick, each bit is that of the plain steps: other bits would
be another encoder, and vectors of the catalogue would no longer be comparable.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageOps

from implants.encoders import polarity, preprocessing
from implants.encoders.bundle import BUNDLED, load_bundle
from implants.encoders.preprocessing import prepare
from implants.region import Region
from tests.implants.encoders import plain
from tests.implants.encoders.films import clear_film, rendered, rendered_image

STEPS = load_bundle(BUNDLED).preprocessing
CLIP = replace(
    STEPS, size=224, mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)  # fmt: skip
SMALL = replace(CLIP, size=37, pad_value=9)
# Whole frames, runs and flat films are rare among random pixels; these are what decides here.
SHADES = st.sampled_from([0, 8, 16, 17, 40, 128, 200, 238, 239, 247, 255])
SIDES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=70)
FILMS = arrays(np.uint8, SIDES, elements=SHADES, fill=SHADES)
SQUARES = arrays(np.uint8, (64, 64), elements=SHADES, fill=SHADES)


def noise(height: int, width: int) -> Any:
    """Pixels of any brightness, the same ones each time."""
    return np.random.default_rng(7).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("steps", [STEPS, CLIP, SMALL], ids=["bundled", "clip", "small"])
@pytest.mark.parametrize("at", [(system, view) for system in range(6) for view in (0, 3)])
def test_prepare_of_rendered_films(at: tuple[int, int], steps: preprocessing.Preprocessing) -> None:
    film, region = rendered_image(*at), Region.from_list(rendered(*at).region)
    for image, part in [
        (film, None), (film, region), (ImageOps.invert(film), None),
        (ImageOps.expand(film, (31, 7, 0, 2), fill=250), None), (film.resize((1500, 1201)), None),
        (film.resize((90, 101)), None), (film.resize((9, 700)), region),
    ]:  # fmt: skip
        wanted = plain.plain_prepare(image, steps, part)
        assert prepare(image, steps, part).tobytes() == wanted.tobytes()


def test_prepare_of_a_clear_negative() -> None:
    negative = ImageOps.invert(clear_film())
    wanted = plain.plain_prepare(negative, STEPS)
    assert prepare(negative, STEPS).tobytes() == wanted.tobytes()


@given(FILMS)
def test_prepare_of_any_film(pixels: Any) -> None:
    film = Image.fromarray(pixels)
    assert prepare(film, SMALL).tobytes() == plain.plain_prepare(film, SMALL).tobytes()


@given(FILMS, st.integers(0, 20), st.integers(0, 20), SHADES)
def test_frame_is_that_of_looking_at_every_line(
    pixels: Any, beside: int, above: int, fill: int
) -> None:
    framed = np.pad(pixels, ((above, beside), (beside, above)), constant_values=fill)
    found = preprocessing._without_frame(framed, STEPS)
    assert np.array_equal(found, plain.plain_without_frame(framed, STEPS))


@given(SQUARES, st.integers(0, 40), SHADES)
def test_beside_the_film_is_that_of_pixel_by_pixel(small: Any, depth: int, fill: int) -> None:
    small[:depth, 3:] = fill
    small[5:, :depth] = fill
    for turned in (small, small[::-1], small[:, ::-1]):
        assert np.array_equal(polarity._beside_film(turned), plain.plain_beside_film(turned))


@given(SQUARES, SQUARES)
def test_bodies_are_those_of_windows(values: Any, shades: Any) -> None:
    film = shades < 200
    assert polarity._bright_bodies(values, film) == plain.plain_bright_bodies(values, film)
    uneven = noise(64, 64)
    assert polarity._bright_bodies(uneven, film) == plain.plain_bright_bodies(uneven, film)
