import io
import itertools

import numpy as np
from PIL import Image

from implants.demo.catalogue import CATALOGUE_VIEWS, catalogue_films, film_count, source_key
from implants.demo.systems import DEMO_SYSTEMS


def test_catalogue_starts_with_all_views_of_the_first_system() -> None:
    films = list(itertools.islice(catalogue_films(), len(CATALOGUE_VIEWS)))
    assert {film.system for film in films} == {DEMO_SYSTEMS[0]}
    assert [film.view for film in films] == list(CATALOGUE_VIEWS)
    assert len({film.png for film in films}) == len(films)


def test_png_holds_the_film_and_says_demo_outside_the_picture() -> None:
    entry = next(catalogue_films())
    with Image.open(io.BytesIO(entry.png)) as image:
        assert "DEMO" in image.info
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), entry.film.image)


def test_png_is_the_same_each_time() -> None:
    assert next(catalogue_films()).png == next(catalogue_films()).png


def test_source_keys_are_unique_and_plain() -> None:
    keys = {source_key(system, view) for system in DEMO_SYSTEMS for view in CATALOGUE_VIEWS}
    assert len(keys) == film_count() >= 24 * 6
    assert "demo/nobel-biocare/branemark-system/zirconia.png" in keys
    assert all(key.isascii() and " " not in key for key in keys)
