"""Films with an implant, and pictures on which nothing looks like one."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from implants.demo.renderer import render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.metal import shows_no_implant

Film = Image.Image
VIEWS = ("metal-ceramic", "healing-cap", "abutment", "zirconia")


@pytest.fixture(scope="module")
def films() -> list[Film]:
    return [
        Image.fromarray(render_film(DEMO_SYSTEMS[number * 5], view, query=True).image)
        for number, view in enumerate(VIEWS)
    ]


def jaw(length: int = 0, width: int = 18, *, beside: int = 120, turn: float = 0) -> Film:
    """Bone from air at the top downwards, with a bright bar in the middle of the film."""
    levels = np.full((200, 200), 120, dtype=np.uint8)
    middle = slice(100 - width // 2 - 20, 100 + width // 2 + 20)
    levels[60:180, middle] = beside
    levels[100 - length // 2 : 100 + length // 2, 100 - width // 2 : 100 + width // 2] = 230
    film = Image.fromarray(levels).rotate(turn, Image.Resampling.BILINEAR, fillcolor=120)
    film.paste(0, (0, 0, 200, 30))
    return film


def test_implants_are_seen_on_films(films: list[Film]) -> None:
    assert not any(shows_no_implant(film) for film in films)


def test_implants_are_seen_on_negatives(films: list[Film]) -> None:
    assert not any(shows_no_implant(ImageOps.invert(film)) for film in films)


@pytest.mark.parametrize("turn", [0, 40, -40, 90])
def test_a_bar_in_bone_is_seen_at_any_angle(turn: float) -> None:
    assert not shows_no_implant(jaw(90, turn=turn))


def test_an_implant_is_seen_on_a_film_cut_to_it() -> None:
    assert not shows_no_implant(jaw(90).crop((55, 15, 145, 155)))


def test_bone_alone_shows_no_implant() -> None:
    assert shows_no_implant(jaw())


@pytest.mark.parametrize(
    ("length", "width"), [(18, 18), (90, 3), (90, 90)], ids=["short", "thin", "wide"]
)
def test_what_is_not_as_long_and_narrow_shows_no_implant(length: int, width: int) -> None:
    assert shows_no_implant(jaw(length, width))


def test_a_bar_between_air_is_a_crown() -> None:
    assert shows_no_implant(jaw(90, beside=0))


def test_soft_shades_show_no_implant() -> None:
    across, down = np.meshgrid(np.linspace(0, 3, 300), np.linspace(0, 2, 200))
    shades = 120 + 60 * np.sin(across) * np.cos(down)
    assert shows_no_implant(Image.fromarray(shades.astype(np.uint8)))


def test_a_picture_of_one_shade_shows_no_implant() -> None:
    assert shows_no_implant(Image.new("L", (300, 200), 120))
