"""Files of several pages: the film is the first, and how many there are is told."""

import io
from typing import Any

import pytest
from PIL import Image

from implants.formats.plain import MOST_PIXELS
from implants.radiograph import open_radiograph
from tests.implants import foreign_films as files
from tests.implants.test_radiograph import film


def saved(kind: str, *more: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    extra = {"save_all": True, "append_images": list(more)} if more else {}
    film().save(buffer, kind, **extra, **options)
    return buffer.getvalue()


def tiff(*subfiles: int) -> bytes:
    """A TIFF with one picture for each of these values of NewSubfileType."""
    buffer = io.BytesIO()
    with_film = [film().rotate(90 * turn, expand=True) for turn in range(len(subfiles))]
    for image, subfile in zip(with_film, subfiles, strict=True):
        image.encoderinfo = {"tiffinfo": {254: subfile}}
    with_film[0].save(
        buffer, "TIFF", save_all=True, append_images=with_film[1:], tiffinfo={254: subfiles[0]}
    )
    return buffer.getvalue()


def large_photograph() -> bytes:
    """More pixels than are read where films are served, and another picture behind the first."""
    buffer = io.BytesIO()
    large = film().resize((film().width * 30, film().height * 30))
    assert large.width * large.height > MOST_PIXELS
    large.save(buffer, "MPO", save_all=True, append_images=[film()])
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "pages"),
    [
        pytest.param(files.pdf(film()), 1, id="PDF of a film"),
        pytest.param(files.pdf(film(), more_pages=2), 3, id="PDF with a letter behind it"),
        pytest.param(saved("TIFF"), 1, id="TIFF"),
        pytest.param(tiff(0, 0, 0), 3, id="TIFF of three films"),
        pytest.param(tiff(0, 1), 1, id="TIFF with a preview"),
        pytest.param(saved("WEBP", lossless=True), 1, id="WebP"),
        pytest.param(saved("WEBP", film().rotate(90), lossless=True), 2, id="moving WebP"),
        pytest.param(saved("PNG"), 1, id="PNG"),
        pytest.param(saved("JPEG"), 1, id="JPEG"),
        pytest.param(large_photograph(), 1, id="large JPEG with a preview"),
    ],
)
def test_pages_are_counted(data: bytes, pages: int) -> None:
    radiograph = open_radiograph(data)
    assert radiograph.pages == pages
    size = film().size
    assert (radiograph.width, radiograph.height) in (size, (size[0] * 30, size[1] * 30))


def test_a_page_that_is_damaged_is_none_to_miss() -> None:
    whole, two = tiff(0, 0, 0), len(tiff(0, 0))
    assert open_radiograph(whole[: two + 20]).pages == 2
