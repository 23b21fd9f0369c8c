"""The scene between tube and film: three maps of path length, in the plane of the film."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Placement:
    """Where a local frame lies on the film: mm; tilt in radians, positive turns the apex left."""

    x: float
    y: float
    tilt: float = 0.0


@dataclass
class Scene:
    """Path lengths in mm for each pixel: `soft` tissue, `mineral` (as cortical bone), `metal`
    (as titanium). x runs right, y down, both in mm from the upper left corner."""

    height: int
    width: int
    pixel: float
    soft: Floats = field(init=False)
    mineral: Floats = field(init=False)
    metal: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.soft = np.zeros((self.height, self.width), np.float32)
        self.mineral = np.zeros_like(self.soft)
        self.metal = np.zeros_like(self.soft)

    @property
    def width_mm(self) -> float:
        return self.width * self.pixel

    @property
    def height_mm(self) -> float:
        return self.height * self.pixel

    @property
    def columns(self) -> Floats:
        """x of the pixel centres, shape (width,)."""
        return ((np.arange(self.width) + 0.5) * self.pixel).astype(np.float32)

    @property
    def rows(self) -> Floats:
        """y of the pixel centres, shape (height, 1)."""
        return ((np.arange(self.height) + 0.5) * self.pixel).astype(np.float32)[:, None]

    def window(
        self, place: Placement, above: float, below: float, half_width: float
    ) -> tuple[slice, slice]:
        """Pixels that a part around `place` can touch: `above`..`below` mm along its axis."""
        sine, cosine = np.sin(place.tilt), np.cos(place.tilt)
        corners = [(u, v) for u in (-half_width, half_width) for v in (-above, below)]
        x = [place.x + u * cosine - v * sine for u, v in corners]
        y = [place.y + u * sine + v * cosine for u, v in corners]
        return self._span(y, self.height), self._span(x, self.width)

    def _span(self, edges: list[float], size: int) -> slice:
        first = int(np.clip(min(edges) / self.pixel, 0, size))
        return slice(first, int(np.clip(max(edges) / self.pixel + 1, first, size)))

    def local(self, place: Placement, window: tuple[slice, slice]) -> tuple[Floats, Floats]:
        """(u, v) of the pixels of `window`: across the axis of the part, and along it, in mm."""
        rows, columns = window
        x = self.columns[columns][None, :] - np.float32(place.x)
        y = self.rows[rows] - np.float32(place.y)
        sine, cosine = np.float32(np.sin(place.tilt)), np.float32(np.cos(place.tilt))
        return x * cosine + y * sine, y * cosine - x * sine

    def paste(self, part: Floats, place: Placement, top: float, left: float, step: float) -> Floats:
        """`part`, drawn on a local grid of `step` mm, as a map of the whole film."""
        sine, cosine = np.sin(place.tilt), np.cos(place.tilt)
        scale = self.pixel / step
        x0, y0 = 0.5 * self.pixel - place.x, 0.5 * self.pixel - place.y
        u0 = (x0 * cosine + y0 * sine - left) / step + 0.5 - 0.5 * scale * (cosine + sine)
        v0 = (y0 * cosine - x0 * sine - top) / step + 0.5 - 0.5 * scale * (cosine - sine)
        matrix = (scale * cosine, scale * sine, u0, -scale * sine, scale * cosine, v0)
        image = Image.fromarray(part).transform(
            (self.width, self.height),
            Image.Transform.AFFINE,
            matrix,
            Image.Resampling.BILINEAR,
        )
        return np.asarray(image, dtype=np.float32)


def ellipse_chord(u: Floats, half_width: Floats | float, half_depth: Floats | float) -> Floats:
    """Path through an elliptic section of the given half axes, `u` mm off its middle."""
    ratio = u / np.maximum(half_width, 1e-3)
    return np.asarray(2 * half_depth * np.sqrt(np.clip(1 - ratio * ratio, 0, None)), np.float32)
