"""A part of a radiograph, in fractions of the upright image."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from django.utils.translation import gettext as _

MIN_SIDE = 0.02
"""Narrower than a fiftieth of the film holds no implant: a slip of the mouse."""
_ROUNDING = 1e-6
_SIDES: Final = ("x", "y", "width", "height")


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

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The region sent as `[x, y, width, height]` or an object of these four names.

        Raises `RegionError`.
        """
        try:
            return cls.from_list(_numbers(json.loads(text)))
        except RegionError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise RegionError(
                _("Send a region as JSON: [x, y, width, height], each from 0 to 1.")
            ) from error

    def to_list(self) -> list[float]:
        """`[x, y, width, height]`, as it is stored."""
        return [self.x, self.y, self.width, self.height]

    def padded(self, context: float, width: int, height: int) -> Self:
        """The region with the same margin on all sides, within an image of this size in pixels.

        The margin is `context` of its longer side: an implant is long and thin, and what a slip of
        the hand cuts off or adds is as wide beside it as it is above.
        """
        margin = context * max(self.width * width, self.height * height)
        across, along = margin / width, margin / height
        left, top = max(0.0, self.x - across), max(0.0, self.y - along)
        right = min(1.0, self.x + self.width + across)
        bottom = min(1.0, self.y + self.height + along)
        # Rounding must not make it narrower than it was: the narrowest would be refused.
        wide, high = max(self.width, right - left), max(self.height, bottom - top)
        return type(self)(left, top, wide, high)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels: every pixel that the region touches."""
        right = min(width, math.ceil((self.x + self.width) * width - _ROUNDING))
        bottom = min(height, math.ceil((self.y + self.height) * height - _ROUNDING))
        return math.floor(self.x * width), math.floor(self.y * height), right, bottom


def _numbers(content: Any) -> list[Any]:
    if isinstance(content, dict) and set(content) == set(_SIDES):
        return [content[side] for side in _SIDES]
    if isinstance(content, list):
        return content
    raise ValueError("neither a list nor an object of the four sides")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
