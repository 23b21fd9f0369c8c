"""Whether something like an implant stands on a film, from its pixels alone.

An implant is a straight bright bar with darker bone on both of its long sides, twice as long as
the lines beside it are away. Crowns have air beside them or are too short, root fillings and the
edges of films too thin, roots of teeth hardly brighter than the bone around them.

The sizes and levels were chosen on films that were rendered with and without implants, and on real
ones with implants, so that hardly one with an implant counts as one without.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from implants.encoders.polarity import polarity

_SIDE: Final = 128
_ANGLES: Final = range(-75, 91, 15)
_REACHES: Final = (7, 10, 14, 20)
"""Pixels from the bar's axis to what is beside it: on a whole film, or on one cut to the bar."""
_HALF_WIDTH: Final = 0.35
_LENGTH: Final = 2.0
"""Of the bar, in parts of the reach: half of what is bright all across, and how long it goes on."""
_AIR: Final = 40
_CONTRAST: Final = 45
"""Gray levels of the stretched film: what is darker is no bone, and how much a bar stands out."""
_CONTRAST_IF_NEGATIVE: Final = 100
"""The same on the film turned around, where nothing says clearly that it is a negative."""
_MIN_RANGE: Final = 30
_NEGATIVE: Final = 0.18

Levels = NDArray[np.int16]


def shows_no_implant(image: Image.Image) -> bool:
    """Whether nothing on the picture (mode "L") looks like an implant.

    A clear negative is turned around; an unclear one shows none if it shows none either way.
    """
    score = polarity(image)
    film = _stretched(image)
    if score < -_NEGATIVE:
        return not _shows_bar(ImageOps.invert(film), _CONTRAST)
    if _shows_bar(film, _CONTRAST):
        return False
    return score > _NEGATIVE or not _shows_bar(ImageOps.invert(film), _CONTRAST_IF_NEGATIVE)


def _stretched(image: Image.Image) -> Image.Image:
    scale = min(1.0, _SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    levels = np.asarray(image.resize(size, Image.Resampling.BOX, reducing_gap=1), dtype=np.float32)
    low, high = np.percentile(levels, (1, 99))
    stretched = np.clip((levels - low) * (255 / max(high - low, _MIN_RANGE)), 0, 255)
    return Image.fromarray(stretched.astype(np.uint8))


def _shows_bar(film: Image.Image, contrast: int) -> bool:
    turned = _turned(film)
    return any(_stands_out(lines, reach, contrast) for lines in turned for reach in _REACHES)


def _turned(film: Image.Image) -> Iterator[Levels]:
    """The film in each direction a bar may have; what lies beside it then is no dark side."""
    for angle in _ANGLES:
        turned = film.rotate(angle, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
        yield np.ascontiguousarray(np.asarray(turned, dtype=np.int16).T)


def _stands_out(columns: Levels, reach: int, contrast: int) -> bool:
    """Whether a bar stands along the columns (the first axis) of this reach."""
    half, length = max(1, round(_HALF_WIDTH * reach)), round(_LENGTH * reach)
    if len(columns) <= 2 * reach or columns.shape[1] < length:
        return False
    left, right = columns[: -2 * reach], columns[2 * reach :]
    middle = _lowest(columns, 2 * half + 1)[reach - half : half - reach]
    bar = (middle - np.maximum(left, right) >= contrast) & (np.minimum(left, right) >= _AIR)
    return bool(_lowest(bar.T, length).any())


def _lowest(lines: NDArray[Any], length: int) -> NDArray[Any]:
    """The lowest of each `length` rows that follow each other, by windows that double."""
    reach = 1
    while reach * 2 <= length:
        lines, reach = np.minimum(lines[:-reach], lines[reach:]), reach * 2
    rest = length - reach
    lowest: NDArray[Any] = np.minimum(lines[: len(lines) - rest], lines[rest:])
    return lowest
