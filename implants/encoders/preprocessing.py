"""From an upright film to an encoder's input: one way for catalogue and query.

region → polarity → border trim → contrast → resize → pad to square. A centre crop would cut
implants off, so nothing of the film is ever cut away: only a uniform frame around it goes.
Polarity is judged by the whole film even if a region is given: a tight crop of an implant is
metal from edge to edge and shows nothing to judge by.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from implants.region import Region

Gray = NDArray[np.uint8]

_INTERPOLATIONS: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_POLARITY_SIDE: Final = 64
_BESIDE_DARK: Final = 12
_BESIDE_LIGHT: Final = 232


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Every number that shapes an encoder's input; `encoder.json` holds them all.

    Brightness is on the scale 0 to 255; mean and std, three each, on 0 to 1.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    polarity_threshold: float
    """Correlation of brightness with nearness to the border from which a film is inverted."""
    frame_dark: int
    frame_light: int
    frame_spread: int
    """A line at the edge is frame if it is this dark or this light and varies no more."""
    contrast_percentiles: tuple[float, float]
    pad_value: int

    def __post_init__(self) -> None:
        if self.size < 1 or self.interpolation not in _INTERPOLATIONS:
            raise ValueError(f"size {self.size!r}, interpolation {self.interpolation!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(f"mean {self.mean!r}, std {self.std!r}")
        low, high = self.contrast_percentiles
        if not 0 <= low < high <= 100 or not 0 <= self.pad_value <= 255:
            raise ValueError(f"percentiles {low}, {high}, pad value {self.pad_value}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """As `encoder.json` has it: every field and no other, or a `ValueError`."""
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            raise ValueError(f"fields missing or unknown: {sorted(names ^ set(values))}")
        try:
            # How many numbers they are is for __post_init__ to say: mypy can't know.
            return cls(
                size=int(values["size"]),
                mean=tuple(map(float, values["mean"])),  # type: ignore[arg-type]
                std=tuple(map(float, values["std"])),  # type: ignore[arg-type]
                interpolation=str(values["interpolation"]),
                polarity_threshold=float(values["polarity_threshold"]),
                frame_dark=int(values["frame_dark"]),
                frame_light=int(values["frame_light"]),
                frame_spread=int(values["frame_spread"]),
                contrast_percentiles=tuple(map(float, values["contrast_percentiles"])),  # type: ignore[arg-type]
                pad_value=int(values["pad_value"]),
            )
        except TypeError as error:
            raise ValueError(str(error)) from error

    def to_dict(self) -> dict[str, Any]:
        """As it goes into `encoder.json`."""
        return asdict(self)


def prepare(
    image: Image.Image, steps: Preprocessing, region: Region | None = None
) -> NDArray[np.float32]:
    """The input tensor, shape (1, 3, size, size), of an upright grayscale image (mode "L")."""
    square = np.asarray(_square(prepare_film(image, steps, region), steps))
    levels = np.arange(256) / 255
    channels = zip(steps.mean, steps.std, strict=True)
    tables = [((levels - mean) / std).astype(np.float32) for mean, std in channels]
    return np.stack([table.take(square) for table in tables])[None]


def prepare_film(
    image: Image.Image, steps: Preprocessing, region: Region | None = None
) -> Image.Image:
    """The film at its own size: region cut out, metal bright, frame gone, contrast stretched."""
    pixels: Gray = np.asarray(image)
    inverted = is_inverted(pixels, steps.polarity_threshold)
    if region is not None:
        left, top, right, bottom = region.box(*image.size)
        pixels = pixels[top:bottom, left:right]
    if inverted:
        pixels = 255 - pixels
    return Image.fromarray(_stretch(_without_frame(pixels, steps), steps))


def is_inverted(pixels: Gray, threshold: float) -> bool:
    """Whether the film is clearly a negative of the usual one, on which metal is bright.

    On the usual film brightness falls from metal and bone in the middle to air at the border, and
    its tail is on the bright side. Only the clear opposite of both counts: a film wrongly turned
    around is worse than a negative left as it is. With a threshold of 0.2 none of 48 periapical
    films was taken for inverted, and 7 in 10 of their negatives were.
    """
    shrunk = Image.fromarray(pixels).resize((_POLARITY_SIDE, _POLARITY_SIDE), Image.Resampling.BOX)
    small = np.asarray(shrunk, dtype=np.float32)
    film = ~_beside_film(small)
    if np.count_nonzero(film) < 0.1 * film.size:
        return False
    low, high = np.percentile(small[film], (1, 99))
    if high <= low:
        return False
    values = np.clip(small[film], low, high)
    correlation = np.corrcoef(values, _depth(_POLARITY_SIDE)[film])[0, 1]
    skewness = np.mean((values - values.mean()) ** 3)
    return bool(correlation < -threshold and skewness < 0)


def _beside_film(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What lies between the image's edge and the film: runs of white or black from any side.

    A scanned film has a white frame with round corners, which would look like an inverted one.
    """
    beside = np.zeros(small.shape, dtype=bool)
    for extreme in (small <= _BESIDE_DARK, small >= _BESIDE_LIGHT):
        for turn in range(4):
            runs = np.logical_and.accumulate(np.rot90(extreme, turn), axis=0)
            beside |= np.rot90(runs, -turn)
    return beside


@cache
def _depth(side: int) -> NDArray[np.float32]:
    """Distance of each pixel to the nearest edge of a square, shape (side, side)."""
    line = np.minimum(np.arange(side), np.arange(side)[::-1]).astype(np.float32)
    return np.minimum(line[:, None], line[None, :])


def _without_frame(pixels: Gray, steps: Preprocessing) -> Gray:
    """The film without uniform lines at its edges; an image of nothing else stays as it is."""
    trimmed = pixels
    while True:
        rows = _frame_ends(trimmed, steps)
        columns = _frame_ends(trimmed.T, steps)
        if rows is None or columns is None:
            return pixels
        inner = trimmed[rows, columns]
        if inner.shape == trimmed.shape:
            return trimmed
        trimmed = inner


def _frame_ends(lines: Gray, steps: Preprocessing) -> slice | None:
    """The rows that remain between frame at the top and at the bottom; None if none does."""
    darkest, lightest = lines.min(axis=1), lines.max(axis=1)
    extreme = (lightest <= steps.frame_dark) | (darkest >= steps.frame_light)
    film = np.flatnonzero(~(extreme & (lightest - darkest <= steps.frame_spread)))
    return slice(film[0], film[-1] + 1) if film.size else None


def _stretch(pixels: Gray, steps: Preprocessing) -> Gray:
    """Contrast from percentile to percentile: exposure differs from film to film."""
    low, high = _percentiles(pixels, steps.contrast_percentiles)
    if high <= low:
        return pixels
    levels = (np.arange(256, dtype=np.float32) - low) * (255 / (high - low))
    table: Gray = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return table.take(pixels)


def _percentiles(pixels: Gray, percents: tuple[float, float]) -> tuple[int, int]:
    """Brightness levels by counting: sorting 40 million pixels would take seconds."""
    counts = np.asarray(Image.fromarray(pixels).histogram()).cumsum()
    low, high = (np.searchsorted(counts, counts[-1] * percent / 100) for percent in percents)
    return int(low), int(high)


def _square(film: Image.Image, steps: Preprocessing) -> Image.Image:
    scale = steps.size / max(film.size)
    width, height = (max(1, math.floor(side * scale + 0.5)) for side in film.size)
    resized = film.resize((width, height), _INTERPOLATIONS[steps.interpolation])
    square = Image.new("L", (steps.size, steps.size), steps.pad_value)
    square.paste(resized, ((steps.size - width) // 2, (steps.size - height) // 2))
    return square
