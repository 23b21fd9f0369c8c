import hashlib
import subprocess
import sys

import numpy as np
import pytest

from implants.demo.renderer import VIEWS, RenderedFilm, render_film
from implants.demo.systems import DEMO_SYSTEMS

SAMPLE = DEMO_SYSTEMS[::4]


def split(film: RenderedFilm) -> tuple[np.ndarray, np.ndarray]:
    """Grey values in the middle of the region, and in a frame around it."""
    height, width = film.image.shape
    x, y, w, h = film.region
    columns, rows = np.arange(width) / width, np.arange(height)[:, None] / height
    across, along = np.abs(columns - x - w / 2) / w, np.abs(rows - y - h / 2) / h
    inside = (across < 0.2) & (along < 0.35)
    beside = (across > 0.6) & (across < 0.9) & (along < 0.35)
    return film.image[inside], film.image[beside]


def test_same_arguments_give_the_same_film() -> None:
    first, second = (render_film(DEMO_SYSTEMS[3], VIEWS[0]) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.region == second.region


def test_same_film_in_another_process() -> None:
    code = (
        "import hashlib; from implants.demo.renderer import *;"
        "from implants.demo.systems import DEMO_SYSTEMS;"
        "print(hashlib.sha256(render_film(DEMO_SYSTEMS[3], VIEWS[0]).image.tobytes()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    here = hashlib.sha256(render_film(DEMO_SYSTEMS[3], VIEWS[0]).image.tobytes()).hexdigest()
    assert there.stdout.strip() == here


def test_views_of_one_system_differ() -> None:
    films = [render_film(DEMO_SYSTEMS[0], view).image.tobytes() for view in VIEWS]
    assert len(set(films)) == len(VIEWS) >= 6


def test_query_film_is_another_patient_than_the_catalogue_film() -> None:
    for system in SAMPLE[:3]:
        catalogue = render_film(system, VIEWS[0])
        patient = render_film(system, VIEWS[0], query=True)
        same_size = catalogue.image.shape == patient.image.shape
        same_place = np.allclose(catalogue.region[:2], patient.region[:2], atol=0.005)
        assert not (same_size and same_place)


def test_unknown_view_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown view"):
        render_film(DEMO_SYSTEMS[0], "panoramic")


@pytest.mark.parametrize("number", range(len(SAMPLE)))
def test_film_is_a_grey_periapical_with_the_implant_in_its_region(number: int) -> None:
    system, view = SAMPLE[number], VIEWS[number % len(VIEWS)]
    film = render_film(system, view)
    assert film.image.dtype == np.uint8 and film.image.ndim == 2
    assert min(film.image.shape) > 450 and max(film.image.shape) < 1000
    x, y, w, h = film.region
    assert 0 <= x < x + w <= 1 and 0 <= y < y + h <= 1
    inside, beside = split(film)
    assert inside.mean() > beside.mean() + 40
    assert film.diameter_mm in system.geometry.diameters
    assert film.length_mm in system.geometry.lengths


def test_region_ends_where_the_metal_ends() -> None:
    """Just past apex and cover screw lies no metal: the region encloses the body and no more."""
    for system in SAMPLE:
        film = render_film(system, "cover-screw")
        height, width = film.image.shape
        x, y, w, h = film.region
        middle = slice(int((x + 0.35 * w) * width), int((x + 0.65 * w) * width))
        ends = [int(y * height) - 14, int((y + h) * height) + 14]
        metal = np.percentile(split(film)[0], 75)
        assert all(film.image[row, middle].mean() < metal - 25 for row in ends)


def test_tones_are_those_of_a_radiograph() -> None:
    """Dark background, a broad middle of bone and teeth, and near-white metal."""
    for system in SAMPLE[:4]:
        grey = render_film(system, "zirconia").image
        low, middle, high = np.percentile(grey, [2, 50, 99.5])
        assert low < 60 and 50 < middle < 170 and high > 235
        assert len(np.unique(grey)) > 200
