"""From an upright film to an encoder's input: one way for catalogue and query.

region → coarse shrink → polarity → border trim → contrast → resize → pad to square. A centre crop
would cut implants off, so nothing of the film is ever cut away: only a uniform frame around it
goes. All that looks at pixels works on a film that is first shrunk by a whole number, never below
twice the size asked for: the encoder sees no more, and a large film would take longer to prepare
than to encode.
Polarity is judged by the whole film even if a region is given: a tight crop of an implant is
metal from edge to edge and shows nothing to judge by.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from implants.encoders.polarity import is_inverted
from implants.region import Region

Gray = NDArray[np.uint8]

_INTERPOLATIONS: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_SPARE: Final = 2
"""A film is shrunk coarsely to no less than this many times the encoder's size."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Every number that shapes an encoder's input; `encoder.json` holds them all.

    Brightness is on the scale 0 to 255; mean and std, three each, on 0 to 1.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    region_context: float
    """The margin on each side of a region, as a fraction of its longer side."""
    polarity_threshold: float
    """How clearly a film must be a negative (`polarity`, 0 to 1) to be turned around."""
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
        if not 0 <= self.region_context <= 2:
            raise ValueError(f"region context {self.region_context!r}")
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
                region_context=float(values["region_context"]),
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
    square = np.asarray(_square(prepare_film(image, steps, region), steps), dtype=np.float32)
    tensor = np.empty((1, 3, steps.size, steps.size), dtype=np.float32)
    for channel, mean, std in zip(tensor[0], steps.mean, steps.std, strict=True):
        # In place: three channels of their own are most of what has to be moved.
        np.multiply(square, np.float32(1 / (255 * std)), out=channel)
        channel -= np.float32(mean / std)
    return tensor


def prepare_film(
    image: Image.Image, steps: Preprocessing, region: Region | None = None
) -> Image.Image:
    """The film before its last resizing: region cut out, metal bright, frame gone, contrast
    stretched. At its own size, or shrunk where it is more than twice as large as asked for.
    """
    part = _part(image, steps, region)
    shrunk = part.reduce(max(1, max(part.size) // (_SPARE * steps.size)))
    pixels: Gray = np.asarray(shrunk)
    if is_inverted(shrunk if part is image else image, steps.polarity_threshold):
        pixels = 255 - pixels
    return _stretch(_without_frame(pixels, steps), steps)


def _part(image: Image.Image, steps: Preprocessing, region: Region | None) -> Image.Image:
    if region is None:
        return image
    return image.crop(region.padded(steps.region_context, *image.size).box(*image.size))


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
    top = _frame_depth(lines, steps)
    if top == len(lines):
        return None
    return slice(top, len(lines) - _frame_depth(lines[::-1], steps))


def _frame_depth(lines: Gray, steps: Preprocessing) -> int:
    """How many rows are frame before the first that is not."""
    # Most films have no frame or one of a few lines: the rest of the film need not be read.
    start, count = 0, 1
    while start < len(lines):
        film = np.flatnonzero(~_are_frame(lines[start : start + count], steps))
        if film.size:
            return start + int(film[0])
        start, count = start + count, count * 2
    return len(lines)


def _are_frame(lines: Gray, steps: Preprocessing) -> NDArray[np.bool_]:
    darkest, lightest = lines.min(axis=1), lines.max(axis=1)
    extreme = (lightest <= steps.frame_dark) | (darkest >= steps.frame_light)
    return extreme & (lightest - darkest <= steps.frame_spread)


def _stretch(pixels: Gray, steps: Preprocessing) -> Image.Image:
    """Contrast from percentile to percentile: exposure differs from film to film."""
    film = Image.fromarray(pixels)
    counts = np.cumsum(film.histogram())
    low, high = np.searchsorted(counts, counts[-1] * np.array(steps.contrast_percentiles) / 100)
    if high <= low:
        return film
    levels = (np.arange(256) - low) * (255 / (high - low))
    return film.point(np.rint(np.clip(levels, 0, 255)).astype(int).tolist())


def _square(film: Image.Image, steps: Preprocessing) -> Image.Image:
    scale = steps.size / max(film.size)
    width, height = (max(1, math.floor(side * scale + 0.5)) for side in film.size)
    resized = film.resize((width, height), _INTERPOLATIONS[steps.interpolation])
    square = Image.new("L", (steps.size, steps.size), steps.pad_value)
    square.paste(resized, ((steps.size - width) // 2, (steps.size - height) // 2))
    return square
