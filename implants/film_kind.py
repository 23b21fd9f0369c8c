"""What kind of picture it is, from its pixels alone, whichever encoder answers.

Each detector looks for one thing that no radiograph of an implant has, and is set so that hardly
a radiograph is taken for something else; what they miss still has its similarity to speak.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

COLOURFUL: Final = 0.06
"""Of `Radiograph.colour`: films photographed on a screen or a light box stay below."""

_SIDE: Final = 320
_UNIFORM: Final = 12
_MIN_PANEL_STD: Final = 10
_MIN_PANEL_SHARE: Final = 0.02
_MIN_PANEL_RATIO: Final = 0.3
_MIN_PANEL_PX: Final = 6
_MAX_CUTS: Final = 4

_INK: Final = 90
_PAPER: Final = 30
_MIN_INK_SHARE: Final = 0.17
_MAX_BETWEEN_SHARE: Final = 0.2
_MAX_PAPER_SPREAD: Final = 110
_STROKE: Final = 9
_EDGE: Final = 5

Levels = NDArray[np.int16]


def is_photograph(colour: float | None) -> bool:
    """Whether the picture's hue varies more than a film's does; False where it is not known."""
    return colour is not None and colour >= COLOURFUL


def is_document(image: Image.Image) -> bool:
    """Whether the picture (mode "L") is paper, or a screen, with writing: ink, plain, no more.

    Ink has sharp edges everywhere, paper has none, and hardly anything lies between; without the
    ink the page is of one shade. Bone and teeth are mostly between.
    """
    levels = _shrunk(image)
    low, high = np.percentile(levels, (1, 99))
    local = _brightest(levels, _EDGE) + _brightest(-levels, _EDGE)
    contrast = local * (255 / max(high - low, 40))
    ink, plain = float((contrast >= _INK).mean()), float((contrast < _PAPER).mean())
    if ink < _MIN_INK_SHARE or 1 - ink - plain > _MAX_BETWEEN_SHARE:
        return False
    return min(map(_spread_without_ink, (levels, -levels))) < _MAX_PAPER_SPREAD


def shows_several_films(image: Image.Image) -> bool:
    """Whether straight uniform gutters cut the picture (mode "L") into several others."""
    levels = _shrunk(image)
    sizes = sorted(part.size for part in _cut(levels, _MAX_CUTS) if part.std() > _MIN_PANEL_STD)
    if not sizes:
        return False
    # A caption or a marker beside the film is no film.
    least = max(_MIN_PANEL_RATIO * sizes[-1], _MIN_PANEL_SHARE * levels.size)
    return sum(size >= least for size in sizes) > 1


def _spread_without_ink(page: Levels) -> float:
    """How much the shade varies once dark strokes are filled with what surrounds them."""
    filled = -_brightest(-_brightest(page, _STROKE), _STROKE)
    low, high = np.percentile(filled, (15, 85))
    return float(high - low)


def _brightest(levels: Levels, size: int) -> Levels:
    """The highest level in a square of `size` pixels (odd) around each pixel."""
    for axis in (0, 1):
        margins = [(size // 2, size // 2) if side == axis else (0, 0) for side in (0, 1)]
        padded = np.pad(levels, margins, mode="edge")
        levels = sliding_window_view(padded, size, axis=axis).max(axis=-1)
    return levels


def _cut(levels: Levels, cuts: int) -> list[Levels]:
    """The parts between uniform lines from edge to edge, and of these the parts again."""
    for lines in (levels, levels.T):
        parts = [lines[part] for part in _between_gutters(lines)]
        if (parts and parts[0].shape == lines.shape) or cuts == 0:
            continue
        upright = parts if lines is levels else [part.T for part in parts]
        return [smaller for part in upright for smaller in _cut(part, cuts - 1)]
    return [levels]


def _between_gutters(lines: Levels) -> list[slice]:
    low, high = np.percentile(lines, (3, 97), axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], high - low > _UNIFORM, [0]])))
    spans = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [slice(*span) for span in spans if span[1] - span[0] >= _MIN_PANEL_PX]


def _shrunk(image: Image.Image) -> Levels:
    """The levels at no more than `_SIDE` pixels a side: gutters and letters stay, noise goes."""
    scale = min(1.0, _SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.int16)
