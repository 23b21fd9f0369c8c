"""A part of a radiograph, in fractions of the upright image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

MIN_SIDE = 0.02
"""Narrower than a fiftieth of the film holds no implant: a slip of the mouse."""
_ROUNDING = 1e-6


class RegionError(ValueError):
    """The numbers describe no part of an image; the message is for people."""


@dataclass(frozen=True, slots=True)
class Region:
    """Left, top, width and height as fractions (0 to 1) of the upright image before any trim."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.width, self.height)
        if not all(math.isfinite(value) for value in values):
            raise RegionError(_("A region consists of four finite numbers."))
        if min(self.width, self.height) < MIN_SIDE:
            raise RegionError(_("The region is too small."))
        right, bottom = self.x + self.width, self.y + self.height
        if min(self.x, self.y) < 0 or max(right, bottom) > 1 + _ROUNDING:
            raise RegionError(_("The region lies outside the image."))

    @classmethod
    def from_list(cls, values: Sequence[float]) -> Self:
        """The region stored or sent as `[x, y, width, height]`; raises `RegionError`."""
        if len(values) != 4 or not all(_is_number(value) for value in values):
            raise RegionError(_("A region consists of four finite numbers."))
        return cls(*(float(value) for value in values))

    def to_list(self) -> list[float]:
        """`[x, y, width, height]`, as it is stored."""
        return [self.x, self.y, self.width, self.height]

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels: every pixel that the region touches."""
        right = min(width, math.ceil((self.x + self.width) * width - _ROUNDING))
        bottom = min(height, math.ceil((self.y + self.height) * height - _ROUNDING))
        return math.floor(self.x * width), math.floor(self.y * height), right, bottom


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
