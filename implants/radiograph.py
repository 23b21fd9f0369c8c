"""Film intake: received bytes become an upright grayscale image, or a reason why not."""

import hashlib
import io
import math
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Transpose

from implants.formats import MAX_PIXELS, Unreadable
from implants.formats.apart import read_apart
from implants.formats.colour import hue_variation
from raiox.common.measures import stage

MAX_BYTES: Final = 5 * 1024 * 1024
MIN_CONTRAST: Final = 8
"""Gray levels between the darkest and the lightest pixel: with fewer there is no picture."""
MIN_SIDE: Final = 64
"""An implant on a film of fewer pixels a side has no threads left to compare."""

_COLOUR_SIDE: Final = 64

# Pillow's readers that we open the door to, and the one for what `formats` hands over.
_READERS: Final = ("JPEG", "PNG", "WEBP", "TIFF")
_HANDED_OVER: Final = ("PPM",)

# What is read apart, by (offset, signature); an HEIC says in its brand what is in it.
_APART: Final = (
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

# What Pillow's readers raise on damaged files, beside OSError.
_DAMAGED: Final = (
    OSError,
    SyntaxError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    struct.error,
)

_UPRIGHT: Final = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}

_TIFF_PHOTOMETRIC: Final = 262
_WHITE_IS_ZERO: Final = 0

_MESSAGES: Final[dict[str, Promise]] = {
    "too_large": _("The image is larger than 5 MiB or 40 megapixels."),
    "not_an_image": _("The file is not an image, it is damaged, or there is nothing on it."),
    "unsupported_format": _(
        "This file can't be read: send JPEG, PNG, WebP, TIFF, HEIC, a DICOM of one film or a PDF "
        "without a password."
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
    nearly none), or None where it is not known.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    sha256: str
    colour: float | None


@stage("decode")
def open_radiograph(data: bytes) -> Radiograph:
    """The film in these bytes; raises `RadiographError`. Size and format are judged first.

    The header alone decides about too many pixels: a decompression bomb is never decoded.
    """
    if len(data) > MAX_BYTES:
        raise RadiographError("too_large")
    return _read(data)


def reopen_copy(data: bytes, *, colour: float | None = None) -> Radiograph:
    """The film in a copy that `clean_copy` made; `sha256` is the copy's.

    `colour` is the original's, as it was kept beside the copy: the copy has lost it.

    A PNG can outgrow the limit that its original kept: a received film must not be refused when
    it is read again, so only the pixels are counted here.
    """
    return replace(_read(data), colour=colour)


def clean_copy(radiograph: Radiograph) -> bytes:
    """The film as PNG, lossless and without metadata: no name, place, camera or date."""
    buffer = io.BytesIO()
    # Half the time of zlib's default strategy, and no larger: on a film hardly anything repeats.
    radiograph.image.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def _read(data: bytes) -> Radiograph:
    kind = _read_apart_as(data)
    if kind:
        image, colour = _through_another_process(kind, data)
    else:
        with _open(data, _READERS) as source:
            _check_size(source)
            image, colour = _decode(source), _colour(data, source)
            # An MPO is a JPEG with more pictures behind the first.
            kind = "JPEG" if source.format == "MPO" else str(source.format)
    digest = hashlib.sha256(data).hexdigest()
    return Radiograph(image, image.width, image.height, kind, digest, colour)


def _read_apart_as(data: bytes) -> str | None:
    return next((kind for kind, at, mark in _APART if data.startswith(mark, at)), None)


def _through_another_process(kind: str, data: bytes) -> tuple[Image.Image, float]:
    try:
        pixels = read_apart(kind, data)
    except Unreadable as error:
        raise RadiographError(error.code) from None
    with _open(pixels.pgm, _HANDED_OVER) as source:
        _check_size(source)
        return _decode(source), pixels.colour


def _open(data: bytes, readers: tuple[str, ...]) -> Image.Image:
    """Reads the header only. Pillow warns of large images; under `-W error` that is a refusal."""
    try:
        return Image.open(io.BytesIO(data), formats=readers)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RadiographError("too_large") from None
    except UnidentifiedImageError:
        raise RadiographError(_unreadable(data)) from None
    except _DAMAGED:
        raise RadiographError("not_an_image") from None


def _unreadable(data: bytes) -> str:
    known = any(data.startswith(mark, offset) for offset, mark in _NOT_TAKEN)
    return "unsupported_format" if known else "not_an_image"


def _check_size(source: Image.Image) -> None:
    if source.width * source.height > MAX_PIXELS:
        raise RadiographError("too_large")
    if min(source.size) < MIN_SIDE:
        raise RadiographError("too_small")


def _colour(data: bytes, source: Image.Image) -> float:
    """The hue variation of a decoded image."""
    if source.format not in ("JPEG", "MPO"):
        return hue_variation(source)
    # Of a JPEG only the brightness was decoded. A small copy of its colours costs little.
    try:
        with Image.open(io.BytesIO(data), formats=_READERS) as again:
            again.draft("RGB", (_COLOUR_SIDE, _COLOUR_SIDE))
            return 0.0 if again.mode == "L" else hue_variation(again)
    except _DAMAGED:
        raise RadiographError("not_an_image") from None


def _decode(source: Image.Image) -> Image.Image:
    try:
        source.draft("L", source.size)  # a JPEG's brightness alone: a quarter of the memory
        source.load()
    except _DAMAGED:
        raise RadiographError("not_an_image") from None
    try:
        gray = _to_gray(source)
    except ValueError:  # Pillow has no way from this colour space to grayscale
        raise RadiographError("unsupported_format") from None
    # A new image from the pixels leaves all metadata behind.
    pixels = np.asarray(_turn_upright(source, gray))
    if np.ptp(pixels) < MIN_CONTRAST:
        raise RadiographError("not_an_image")  # nothing was exposed, or everything
    return Image.fromarray(pixels)


def _to_gray(source: Image.Image) -> Image.Image:
    if source.mode.startswith(("I", "F")):
        return _deep_to_gray(source)
    if source.has_transparency_data:
        rgba = source.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))  # as unexposed film beside the image
        return Image.alpha_composite(black, rgba).convert("L")
    return source.convert("L")


def _deep_to_gray(source: Image.Image) -> Image.Image:
    """8 bits from 10 to 32: the values in use, since 12-bit films come in 16-bit files.

    One pixel in a thousand at either end doesn't count: a dead or burnt-in pixel must not
    darken the film.
    """
    values = np.array(source, dtype=np.float32)
    if not np.isfinite(values).all():
        raise RadiographError("not_an_image")
    low, high = _range_in_use(values)
    values -= low  # in place: at 40 megapixels each copy would take 160 MB
    values *= 255 / (high - low)
    np.clip(values, 0, 255, out=values)
    if _is_white_zero(source):
        np.subtract(255, values, out=values)
    return Image.fromarray(np.rint(values, out=values).astype(np.uint8))


def _range_in_use(values: np.ndarray) -> tuple[float, float]:
    step = max(1, math.isqrt(values.size // 1_000_000))
    low, high = np.percentile(values[::step, ::step], (0.1, 99.9))
    if high <= low:
        low, high = values.min(), max(values.max(), values.min() + 1)
    return float(low), float(high)


def _is_white_zero(source: Image.Image) -> bool:
    """Pillow turns 8-bit TIFFs of this kind around, deeper ones it leaves inverted."""
    tags = getattr(source, "tag_v2", {})
    return bool(tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _turn_upright(source: Image.Image, gray: Image.Image) -> Image.Image:
    """Orientation from EXIF. An EXIF block nobody can read says nothing about it."""
    try:
        orientation = source.getexif().get(ExifTags.Base.Orientation)
    except _DAMAGED:
        return gray
    transpose = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return gray if transpose is None else gray.transpose(transpose)
