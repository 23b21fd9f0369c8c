"""Film intake: received bytes become an upright grayscale image, or a reason why not."""

import hashlib
import io
import zlib
from dataclasses import dataclass, replace
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image

from implants.formats import MAX_PIXELS, Unreadable, pictures, plain
from implants.formats.apart import read_apart
from raiox.common.measures import stage

MAX_BYTES: Final = 5 * 1024 * 1024

# What is taken, by (offset, signature); an HEIC says in its brand what is in it.
_TAKEN: Final = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("WEBP", 8, b"WEBP"),
    *(("TIFF", 0, mark) for mark in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("DICOM", 128, b"DICM"),
    ("PDF", 0, b"%PDF-"),
    *(("HEIC", 4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1")),
)

# Pictures and documents that we know but do not take: (offset, signature).
_NOT_TAKEN: Final = (
    (0, b"GIF8"),
    (0, b"BM"),
    (0, b"8BPS"),
    (0, b"\x00\x00\x01\x00"),
    (0, b"\x00\x00\x00\x0cjP  "),
    (0, b"\xff\x4f\xff\x51"),
    (4, b"ftyp"),
)

_MESSAGES: Final[dict[str, Promise]] = {
    "too_large": _("The image is larger than 5 MiB or 40 megapixels."),
    "not_an_image": _("The file is not an image, it is damaged, or there is nothing on it."),
    "unsupported_format": _(
        "This file can't be read: send JPEG (8 bits), PNG, WebP, TIFF, HEIC, a DICOM of one film "
        "or a PDF without a password."
    ),
    "too_small": _("The image is too small: at least 64 pixels on each side are needed."),
}


class RadiographError(Exception):
    """Bytes that can't be taken as a radiograph.

    `code` is one of `too_large`, `not_an_image`, `unsupported_format`, `too_small`; `str()` is
    the reason in the reader's language.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return str(_MESSAGES[self.code])


@dataclass(frozen=True, slots=True)
class Radiograph:
    """A validated film: upright, 8-bit grayscale (mode "L"), nothing but pixels.

    `format` is the received one ("JPEG", "PNG", "WEBP", "TIFF", "HEIC", "DICOM", "PDF"), `sha256`
    that of the received bytes. `colour` is how colourful those were, 0 to 1 (a radiograph has
    nearly none), or None where it is not known. `pages` counts the pictures in the file: the film
    is the first, the others were not looked at.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    sha256: str
    colour: float | None
    pages: int = 1


@stage("decode")
def open_radiograph(data: bytes) -> Radiograph:
    """The film in these bytes; raises `RadiographError`. Size and format are judged first.

    The header alone decides about too many pixels: a decompression bomb is never decoded.
    """
    if len(data) > MAX_BYTES:
        raise RadiographError("too_large")
    return _read(data, plain.MOST_PIXELS)


def reopen_copy(data: bytes, *, colour: float | None = None) -> Radiograph:
    """The film in a copy that `clean_copy` made; `sha256` is the copy's.

    `colour` is the original's, as it was kept beside the copy: the copy has lost it.

    A PNG can outgrow the limit that its original kept: a received film must not be refused when
    it is read again, so only the pixels are counted here. However many: a gray copy takes little.
    """
    return replace(_read(data, MAX_PIXELS), colour=colour)


def clean_copy(radiograph: Radiograph) -> bytes:
    """The film as PNG, lossless and without metadata: no name, place, camera or date."""
    buffer = io.BytesIO()
    # Half the time of zlib's default strategy, and no larger: on a film hardly anything repeats.
    radiograph.image.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def _read(data: bytes, most_pixels: int) -> Radiograph:
    kind = _kind_of(data)
    try:
        image, colour, pages = _film(kind, data, most_pixels)
    except Unreadable as error:
        raise RadiographError(error.code) from None
    digest = hashlib.sha256(data).hexdigest()
    return Radiograph(image, image.width, image.height, kind, digest, colour, pages)


def _kind_of(data: bytes) -> str:
    for kind, at, mark in _TAKEN:
        if data.startswith(mark, at):
            return kind
    known = any(data.startswith(mark, offset) for offset, mark in _NOT_TAKEN)
    raise RadiographError("unsupported_format" if known else "not_an_image")


def _film(kind: str, data: bytes, most_pixels: int) -> tuple[Image.Image, float, int]:
    """Read here where that takes little and bounded work, in another process otherwise."""
    if plain.is_plain(kind, data):
        with pictures.opened(data) as source:
            if source.width * source.height <= most_pixels:
                return pictures.decoded(source), pictures.colour(data, source), 1
    pixels = read_apart(kind, data)
    with pictures.opened(pixels.pgm, pictures.HANDED_OVER) as source:
        return pictures.decoded(source), pixels.colour, pixels.pages
