"""The viewer of radiographs, as a reviewer uses it."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image
from playwright.sync_api import Page, expect

from cases.models import Case, CaseImage
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = (600, 400)
MARK = (0.7, 0.25)
"""Where the red spot of the marked film lies, in fractions of it."""


def marked_film(size: tuple[int, int] = SIZE) -> bytes:
    """A gray film with one red spot."""
    pixels = np.full((size[1], size[0], 3), 60, dtype=np.uint8)
    x, y = round(MARK[0] * size[0]), round(MARK[1] * size[1])
    pixels[y - 6 : y + 6, x - 6 : x + 6] = (230, 0, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def set_film(image: CaseImage, data: bytes) -> None:
    """Store `data` as the film of the image."""
    image.width, image.height = Image.open(io.BytesIO(data)).size
    image.file.save("film.png", ContentFile(data))


@pytest.fixture
def case(make_case: Callable[..., Case], media: Path) -> Case:
    """A waiting case with the marked film."""
    case = make_case()
    set_film(case.images.get(), marked_film())
    return case


@pytest.fixture
def open_case(case: Case, visit: Callable[..., Page]) -> Page:
    """The page of the case before Brenda, with its film on the screen."""
    page = visit(person("brenda", "Revisores"), f"/admin/cases/case/{case.pk}/change/")
    expect(page.locator(".rx-film:not([hidden]) img")).to_have_js_property("complete", True)
    return page


def seen_mark(page: Page) -> tuple[float, float]:
    """Where the red spot is seen, in client pixels."""
    box = page.locator("[data-stage]").bounding_box()
    assert box
    picture = Image.open(io.BytesIO(page.locator("[data-stage]").screenshot())).convert("RGB")
    red, green, _ = np.moveaxis(np.asarray(picture), 2, 0)
    rows, columns = np.nonzero((red > 150) & (green < 60))
    return float(columns.mean() + 0.5 + box["x"]), float(rows.mean() + 0.5 + box["y"])


def to_image(page: Page, x: float, y: float) -> tuple[float, float]:
    point = page.evaluate(
        """async ([x, y]) => {
          const { viewerOf } = await import("/static/cases/viewer.js");
          return viewerOf(document.querySelector("[data-viewer]")).toImage(x, y);
        }""",
        [x, y],
    )
    return point["x"], point["y"]


def test_a_point_of_the_screen_is_a_point_of_the_film(open_case: Page) -> None:
    assert to_image(open_case, *seen_mark(open_case)) == pytest.approx(MARK, abs=0.005)
