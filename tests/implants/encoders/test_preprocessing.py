"""Preprocessing: one way for catalogue and query, and nothing of the film is cut away."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from implants.encoders.preprocessing import Preprocessing, prepare, prepare_film
from implants.region import Region
from tests.implants.encoders.films import clear_film, rendered_image

STEPS = Preprocessing(
    size=64,
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.3, 0.4),
    interpolation="bicubic",
    region_context=0.0,
    polarity_threshold=0.18,
    frame_dark=16,
    frame_light=239,
    frame_spread=12,
    contrast_percentiles=(0.5, 99.5),
    pad_value=0,
)


def gray(tensor: np.ndarray) -> np.ndarray:
    """The first channel of a tensor as brightness 0 to 255 again."""
    return (tensor[0, 0] * STEPS.std[0] + STEPS.mean[0]) * 255


def ramp(width: int, height: int) -> Image.Image:
    """Bright in the middle, so that nothing about it looks inverted."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return Image.fromarray((230 - 60 * (x**2 + y**2)).astype(np.uint8))


def test_prepare_gives_a_square_float_tensor() -> None:
    tensor = prepare(ramp(90, 120), STEPS)
    assert tensor.shape == (1, 3, 64, 64)
    assert tensor.dtype == np.float32


def test_prepare_scales_each_channel_by_its_own_mean_and_std() -> None:
    tensor = prepare(ramp(90, 120), STEPS)[0]
    scaled = [tensor[i] * STEPS.std[i] + STEPS.mean[i] for i in range(3)]
    assert np.allclose(scaled[0], scaled[1], atol=1e-5)
    assert np.allclose(scaled[0], scaled[2], atol=1e-5)


@pytest.mark.parametrize(("size", "content"), [((40, 160), (64, 16)), ((160, 40), (16, 64))])
def test_prepare_pads_instead_of_cropping(size: tuple[int, int], content: tuple[int, int]) -> None:
    pixels = gray(prepare(ramp(*size), replace(STEPS, contrast_percentiles=(0, 100))))
    shown = np.argwhere(np.abs(pixels - STEPS.pad_value) > 0.5)
    extent = shown.max(axis=0) - shown.min(axis=0) + 1
    # The stretched corners are as black as the padding: a pixel less is allowed.
    assert np.abs(extent - content).max() <= 1
    middle = (shown.max(axis=0) + shown.min(axis=0) + 1) / 2
    assert np.abs(middle - STEPS.size / 2).max() <= 1


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_prepare_keeps_a_mark_in_each_corner(corner: tuple[int, int]) -> None:
    plain = np.asarray(ramp(300, 200)).copy()
    marked = plain.copy()
    rows = slice(0, 12) if corner[0] == 0 else slice(-12, None)
    columns = slice(0, 12) if corner[1] == 0 else slice(-12, None)
    marked[rows, columns] = 255
    difference = prepare(Image.fromarray(marked), STEPS) - prepare(Image.fromarray(plain), STEPS)
    assert np.abs(difference).max() > 0.5


@pytest.mark.parametrize("level", [0, 9, 246, 255])
def test_prepare_trims_a_uniform_frame_and_only_that(level: int) -> None:
    film = ramp(120, 90)
    framed = ImageOps.expand(film, border=(30, 10, 25, 40), fill=level)
    assert prepare_film(framed, STEPS).size == film.size
    assert np.array_equal(prepare(framed, STEPS), prepare(film, STEPS))


def test_prepare_trims_a_frame_within_a_frame() -> None:
    film = ramp(120, 90)
    framed = ImageOps.expand(ImageOps.expand(film, 20, fill=0), 15, fill=255)
    assert prepare_film(framed, STEPS).size == film.size


def test_prepare_keeps_a_gray_or_marked_border() -> None:
    film = ramp(120, 90)
    assert prepare_film(ImageOps.expand(film, 10, fill=128), STEPS).size == (140, 110)
    framed = ImageOps.expand(film, 10, fill=0)
    framed.putpixel((3, 0), 60)  # part of a letter on the frame, perhaps
    assert prepare_film(framed, STEPS).size == (127, 100)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_prepare_takes_an_image_of_one_shade(level: int) -> None:
    tensor = prepare(Image.new("L", (100, 80), level), STEPS)
    assert np.isfinite(tensor).all()


def test_prepare_evens_out_exposure() -> None:
    film = np.asarray(rendered_image(), dtype=np.float32)
    faint = Image.fromarray((film * 0.5 + 40).astype(np.uint8))
    difference = gray(prepare(faint, STEPS)) - gray(prepare(rendered_image(), STEPS))
    assert np.abs(difference).mean() < 2


def test_prepare_looks_at_the_region_alone() -> None:
    pixels = np.asarray(ramp(200, 100)).copy()
    region = Region(0.25, 0.2, 0.5, 0.6)
    inside = prepare(Image.fromarray(pixels), STEPS, region)
    elsewhere = pixels.copy()
    elsewhere[:, :50] //= 2
    assert np.array_equal(prepare(Image.fromarray(elsewhere), STEPS, region), inside)
    elsewhere[50, 100] = 0
    assert not np.array_equal(prepare(Image.fromarray(elsewhere), STEPS, region), inside)


def test_prepare_adds_the_context_around_a_region() -> None:
    film, around = ramp(200, 200), replace(STEPS, region_context=0.5)
    inner, outer = Region(0.25, 0.25, 0.25, 0.25), Region(0.125, 0.125, 0.5, 0.5)
    assert np.array_equal(prepare(film, around, inner), prepare(film, STEPS, outer))
    assert not np.array_equal(prepare(film, around, inner), prepare(film, STEPS, inner))
    assert np.array_equal(prepare(film, around), prepare(film, STEPS))


def test_prepare_region_counts_before_the_trim() -> None:
    framed = ImageOps.expand(ramp(100, 100), border=(100, 0, 0, 0), fill=0)
    right_half = Region(0.5, 0, 0.5, 1)
    assert np.array_equal(prepare(framed, STEPS, right_half), prepare(ramp(100, 100), STEPS))


def test_prepare_of_a_clear_negative_is_the_same() -> None:
    film = clear_film()
    difference = prepare(ImageOps.invert(film), STEPS) - prepare(film, STEPS)
    assert np.abs(difference).max() < 0.05


def test_prepare_of_a_negative_with_a_region_is_the_same() -> None:
    """The tight crop alone would not show that the film is inverted."""
    film, region = clear_film(), Region(0.42, 0.2, 0.16, 0.6)
    difference = prepare(ImageOps.invert(film), STEPS, region) - prepare(film, STEPS, region)
    assert np.abs(difference).max() < 0.05


def test_prepare_of_a_large_film_is_that_of_a_small_one() -> None:
    """A coarse shrinking goes before; what the encoder sees hardly changes."""
    film = clear_film()
    large = film.resize((film.width * 5, film.height * 5), Image.Resampling.BICUBIC)
    difference = gray(prepare(large, STEPS)) - gray(prepare(film, STEPS))
    assert np.abs(difference).mean() < 2


def test_prepare_film_is_shrunk_to_no_less_than_twice_the_size() -> None:
    whole = replace(STEPS, contrast_percentiles=(0, 100))
    assert prepare_film(ramp(5 * 64, 100), whole).size == (160, 50)
    assert prepare_film(ramp(4 * 64 - 1, 100), whole).size == (255, 100)


def test_preprocessing_round_trips_through_its_description() -> None:
    assert Preprocessing.from_dict(STEPS.to_dict()) == STEPS


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"interpolation": "nearest"},
        {"mean": [0.5]},
        {"std": [0.2, 0.2, 0.0]},
        {"contrast_percentiles": [99, 1]},
        {"pad_value": 300},
        {"region_context": -0.1},
        {"size": None},
        {"unknown": 1},
    ],
)
def test_preprocessing_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Preprocessing.from_dict({**STEPS.to_dict(), **change})


def test_preprocessing_with_a_field_missing_is_refused() -> None:
    values = STEPS.to_dict()
    del values["pad_value"]
    with pytest.raises(ValueError, match="pad_value"):
        Preprocessing.from_dict(values)
