import io

import numpy as np
from PIL import Image

from implants.demo.catalogue import CATALOGUE_VIEWS, encode_png, source_key
from implants.demo.renderer import render_film
from implants.demo.systems import DEMO_SYSTEMS

FILM = render_film(DEMO_SYSTEMS[0], CATALOGUE_VIEWS[0])


def test_png_holds_the_film_and_says_demo_outside_the_picture() -> None:
    with Image.open(io.BytesIO(encode_png(FILM.image))) as image:
        assert "DEMO" in image.info
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), FILM.image)


def test_png_is_the_same_each_time() -> None:
    again = render_film(DEMO_SYSTEMS[0], CATALOGUE_VIEWS[0])
    assert encode_png(again.image) == encode_png(FILM.image)


def test_source_keys_are_unique_and_plain() -> None:
    keys = {source_key(system, view) for system in DEMO_SYSTEMS for view in CATALOGUE_VIEWS}
    assert len(keys) == len(DEMO_SYSTEMS) * len(CATALOGUE_VIEWS) >= 24 * 6
    assert "demo/nobel-biocare/branemark-system/zirconia.png" in keys
    assert all(key.isascii() and " " not in key for key in keys)
