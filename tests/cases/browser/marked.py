"""A film with a spot, which is found again wherever the viewer puts it."""

import io

import numpy as np
from django.core.files.base import ContentFile
from PIL import Image
from playwright.sync_api import Locator, Page

from cases.models import CaseImage

SIZE = (600, 400)
MARK = (0.7, 0.25)
"""Where the spot lies, in fractions of the film."""
RED = (230, 0, 0)
WHITE = (250, 250, 250)
"""For films that are kept in shades of gray."""
_HALF = 6
_EDGE = 12


def marked_film(
    size: tuple[int, int] = SIZE,
    mark: tuple[float, float] = MARK,
    colour: tuple[int, int, int] = RED,
) -> bytes:
    """A gray film with the spot."""
    pixels = np.full((size[1], size[0], 3), 60, dtype=np.uint8)
    x, y = (round(share * side) for share, side in zip(mark, size, strict=True))
    pixels[y - _HALF : y + _HALF, x - _HALF : x + _HALF] = colour
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def set_film(image: CaseImage, data: bytes) -> None:
    """Store `data` as the film of the image."""
    image.width, image.height = Image.open(io.BytesIO(data)).size
    image.file.save("film.png", ContentFile(data))


def seen(stage: Locator) -> np.ndarray:
    """What is seen of the stage, shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB"))


def seen_mark(stage: Locator) -> tuple[float, float]:
    """Where the spot is seen, in client pixels."""
    rows, columns = np.nonzero(_is_spot(seen(stage)))
    box = stage.bounding_box()
    assert box
    return float(columns.mean() + 0.5 + box["x"]), float(rows.mean() + 0.5 + box["y"])


def mark_width(stage: Locator) -> int:
    """How wide the spot is seen, in pixels."""
    _, columns = np.nonzero(_is_spot(seen(stage)))
    return int(columns.max() - columns.min() + 1)


def middle(stage: Locator) -> tuple[float, float]:
    """The middle of the stage, in client pixels."""
    box = stage.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


class Fingers:
    """Fingers on a page's touch screen."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)

    def drag(self, *ways: tuple[tuple[float, float], tuple[float, float]], steps: int = 5) -> None:
        """Each finger from one point to another, in client pixels, all at once."""
        self._send("touchStart", [start for start, _ in ways])
        for step in range(1, steps + 1):
            part = step / steps
            self._send(
                "touchMove",
                [(a + (c - a) * part, b + (d - b) * part) for (a, b), (c, d) in ways],
            )
        self._send("touchEnd", [])

    def _send(self, kind: str, points: list[tuple[float, float]]) -> None:
        fingers = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})


def _is_spot(pixels: np.ndarray) -> np.ndarray:
    red, green, _ = np.moveaxis(pixels, 2, 0)
    inside = np.zeros(red.shape, dtype=bool)
    # Behind the stage's round corners the page is white too.
    inside[_EDGE:-_EDGE, _EDGE:-_EDGE] = True
    return inside & (red > 150) & ((green < 60) | (green > 225))
