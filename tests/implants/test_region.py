"""Regions: fractions of the upright image, checked before anybody crops by them."""

import math

import pytest

from implants.region import MIN_SIDE, Region, RegionError


def test_region_round_trips_as_a_list() -> None:
    assert Region.from_list([0.1, 0.2, 0.3, 0.4]).to_list() == [0.1, 0.2, 0.3, 0.4]


def test_region_box_covers_every_touched_pixel() -> None:
    assert Region(0.25, 0.5, 0.5, 0.25).box(100, 200) == (25, 100, 75, 150)
    assert Region(0.255, 0.5, 0.5, 0.25).box(100, 200) == (25, 100, 76, 150)
    assert Region(0, 0, 1, 1).box(97, 31) == (0, 0, 97, 31)


def test_region_of_thirds_ends_at_the_border() -> None:
    third = 1 / 3
    assert Region(2 * third, 2 * third, third, third).box(300, 300) == (200, 200, 300, 300)


def test_region_padded_has_the_same_margin_on_all_sides_in_pixels() -> None:
    """20 x 80 pixels, a quarter of 80 around it."""
    padded = Region(0.4, 0.3, 0.1, 0.2).padded(0.25, 200, 400)

    assert padded.box(200, 400) == (60, 100, 120, 220)
    flat = Region(0.3, 0.4, 0.2, 0.1).padded(0.25, 400, 200)
    assert flat.box(400, 200) == (100, 60, 220, 120)


def test_region_padded_ends_at_the_border() -> None:
    assert Region(0, 0.1, 0.5, 0.2).padded(1, 90, 90).to_list() == pytest.approx([0, 0, 1, 0.8])
    corner = Region(0.8, 0.7, 0.2, 0.3).padded(0.5, 90, 90)
    assert corner.to_list() == pytest.approx([0.65, 0.55, 0.35, 0.45])
    assert Region(0, 0, 1, 1).padded(2, 64, 64) == Region(0, 0, 1, 1)


def test_region_padded_by_nothing_has_the_same_pixels() -> None:
    """The narrowest region, too: what rounding takes away must not make it none."""
    for step in range(900):
        region = Region(step / 1000, 1 - MIN_SIDE - step / 1100, MIN_SIDE, MIN_SIDE)
        assert region.padded(0, 997, 1000).box(997, 1000) == region.box(997, 1000)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0, 0, 1],
        [0, 0, 1, 1, 1],
        [0, 0, "1", 1],
        [True, 0, 0.5, 0.5],
        [math.nan, 0, 0.5, 0.5],
        [0, 0, math.inf, 1],
        [-0.1, 0, 0.5, 0.5],
        [0.6, 0, 0.5, 0.5],
        [0, 0.6, 0.5, 0.5],
        [0, 0, 0, 1],
        [0, 0, 1, 0.01],
    ],
)
def test_region_that_is_none_is_refused(values: list[float]) -> None:
    with pytest.raises(RegionError):
        Region.from_list(values)
