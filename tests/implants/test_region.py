"""Regions: fractions of the upright image, checked before anybody crops by them."""

import math

import pytest

from implants.region import Region, RegionError


def test_region_round_trips_as_a_list() -> None:
    assert Region.from_list([0.1, 0.2, 0.3, 0.4]).to_list() == [0.1, 0.2, 0.3, 0.4]


def test_region_box_covers_every_touched_pixel() -> None:
    assert Region(0.25, 0.5, 0.5, 0.25).box(100, 200) == (25, 100, 75, 150)
    assert Region(0.255, 0.5, 0.5, 0.25).box(100, 200) == (25, 100, 76, 150)
    assert Region(0, 0, 1, 1).box(97, 31) == (0, 0, 97, 31)


def test_region_of_thirds_ends_at_the_border() -> None:
    third = 1 / 3
    assert Region(2 * third, 2 * third, third, third).box(300, 300) == (200, 200, 300, 300)


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
