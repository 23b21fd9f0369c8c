"""Pictures that are no radiograph of one implant, and rendered films, which are."""

import pytest
from PIL import Image, ImageOps

from implants.calibration.strangers import contact_sheet, document
from implants.demo.renderer import render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.film_kind import (
    COLOURFUL,
    is_document,
    is_photograph,
    shows_several_films,
)

Film = Image.Image


@pytest.fixture(scope="session")
def films() -> list[Film]:
    """Rendered films of patients, each of another system and view."""
    views = ("metal-ceramic", "healing-cap", "abutment", "zirconia")
    return [
        Image.fromarray(render_film(DEMO_SYSTEMS[number * 5], view, query=True).image)
        for number, view in enumerate(views)
    ]


def test_films_of_implants_raise_no_concern(films: list[Film]) -> None:
    for film in films:
        assert not is_document(film)
        assert not shows_several_films(film)


def test_a_framed_film_is_one_film(films: list[Film]) -> None:
    for shade in (0, 255):
        assert not shows_several_films(ImageOps.expand(films[0], 60, fill=shade))


def test_pages_are_documents_and_no_contact_sheets() -> None:
    flagged = [is_document(document(seed)) for seed in range(12)]
    assert sum(flagged) >= 11


def test_a_dark_screen_of_text_is_a_document() -> None:
    assert is_document(ImageOps.invert(document(2)))


def test_films_in_a_grid_are_a_contact_sheet(films: list[Film]) -> None:
    flagged = [shows_several_films(contact_sheet(films, seed)) for seed in range(12)]
    assert sum(flagged) >= 11


def test_a_caption_below_a_film_makes_no_contact_sheet(films: list[Film]) -> None:
    film = films[1]
    page = Image.new("L", (film.width, film.height + film.height // 10), 0)
    page.paste(film, (0, 0))
    page.paste(255, (10, film.height + 30, film.width // 3, film.height + 40))
    assert not shows_several_films(page)


def test_a_picture_of_one_shade_is_nothing_of_these() -> None:
    plain = Image.new("L", (300, 200), 120)
    assert not is_document(plain)
    assert not shows_several_films(plain)


@pytest.mark.parametrize(
    ("colour", "photograph"),
    [(None, False), (0.0, False), (COLOURFUL - 0.01, False), (COLOURFUL, True), (0.3, True)],
)
def test_colours_make_a_photograph(colour: float | None, photograph: bool) -> None:
    assert is_photograph(colour) is photograph
