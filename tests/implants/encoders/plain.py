"""The steps of the preparation as they are meant, one after another and without haste.

The product takes shorter ways to the same bits: what it makes is compared with these.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from implants.encoders import polarity
from implants.encoders.polarity import is_inverted
from implants.encoders.preprocessing import Preprocessing
from implants.region import Region

Gray = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def plain_prepare(
    image: Image.Image, steps: Preprocessing, region: Region | None = None
) -> NDArray[np.float32]:
    """The input tensor (1, 3, size, size) of an upright grayscale image."""
    part = image
    if region is not None:
        part = image.crop(region.padded(steps.region_context, *image.size).box(*image.size))
    film = part.reduce(max(1, max(part.size) // (2 * steps.size)))
    if is_inverted(film if region is None else image, steps.polarity_threshold):
        film = ImageOps.invert(film)
    film = Image.fromarray(plain_without_frame(np.asarray(film), steps))
    return _plain_tensor(_plain_square(_plain_stretch(film, steps), steps), steps)


def plain_without_frame(pixels: Gray, steps: Preprocessing) -> Gray:
    """All but the frame, every line of the film looked at."""
    trimmed = pixels
    while True:
        rows, columns = (np.flatnonzero(_film_lines(it, steps)) for it in (trimmed, trimmed.T))
        if not rows.size or not columns.size:
            return pixels
        inner = trimmed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if inner.shape == trimmed.shape:
            return trimmed
        trimmed = inner


def _film_lines(lines: Gray, steps: Preprocessing) -> Mask:
    darkest, lightest = lines.min(axis=1), lines.max(axis=1)
    extreme = (lightest <= steps.frame_dark) | (darkest >= steps.frame_light)
    film: Mask = ~(extreme & (lightest - darkest <= steps.frame_spread))
    return film


def _plain_stretch(film: Image.Image, steps: Preprocessing) -> Image.Image:
    counts = np.cumsum(film.histogram())
    low, high = np.searchsorted(counts, counts[-1] * np.array(steps.contrast_percentiles) / 100)
    if high <= low:
        return film
    levels = (np.arange(256) - low) * (255 / (high - low))
    return film.point(np.rint(np.clip(levels, 0, 255)).astype(int).tolist())


def _plain_square(film: Image.Image, steps: Preprocessing) -> Gray:
    scale = steps.size / max(film.size)
    width, height = (max(1, int(np.floor(side * scale + 0.5))) for side in film.size)
    resized = film.resize((width, height), Image.Resampling[steps.interpolation.upper()])
    square = Image.new("L", (steps.size, steps.size), steps.pad_value)
    square.paste(resized, ((steps.size - width) // 2, (steps.size - height) // 2))
    return np.asarray(square)


def _plain_tensor(square: Gray, steps: Preprocessing) -> NDArray[np.float32]:
    levels = square.astype(np.float32)
    channels = [
        levels * np.float32(1 / (255 * std)) - np.float32(mean / std)
        for mean, std in zip(steps.mean, steps.std, strict=True)
    ]
    return np.stack(channels)[None]


def plain_beside_film(small: Gray) -> Mask:
    """Runs of white or black from any side, pixel by pixel."""
    beside = np.zeros(small.shape, dtype=bool)
    for extreme in (small <= polarity._BESIDE, small >= 255 - polarity._BESIDE):
        for turn in range(4):
            runs = np.logical_and.accumulate(np.rot90(extreme, turn), axis=0)
            beside |= np.rot90(runs, -turn)
    return beside


def plain_bright_bodies(values: Gray, film: Mask) -> float:
    """Opening for bright bodies, closing for dark ones, each by windows that are looked into."""
    wide, narrow = polarity._BODY, polarity._SEAM
    opened = _window(_window(values, np.min, wide), np.max, wide)
    closed = _window(_window(values, np.max, wide), np.min, wide)
    inner = ~_window(~film, np.any, narrow)
    bright = int((values.astype(int) - opened)[inner].sum())
    dark = int((closed.astype(int) - values)[inner].sum())
    return (bright - dark) / max(bright + dark, 1)


def _window(image: NDArray[Any], of: Any, width: int) -> NDArray[Any]:
    padded = np.pad(image, width // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width))
    answer: NDArray[Any] = of(windows, axis=(2, 3))
    return answer
