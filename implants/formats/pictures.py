"""What Pillow reads, JPEG, PNG, WebP and TIFF: an upright grayscale image and how colourful it was.

Nothing else in the service opens pictures, and Pillow is never left to choose the format.
"""

import io
import math
import struct
import warnings
from typing import Final

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Transpose

from implants.formats import MAX_PIXELS, Unreadable, check_pixels
from implants.formats.colour import hue_variation
from implants.formats.plain import is_deep_jpeg

MIN_CONTRAST: Final = 8
"""Gray levels between the darkest and the lightest pixel: with fewer there is no picture."""
MIN_SIDE: Final = 64
"""An implant on a film of fewer pixels a side has no threads left to compare."""
MOST_PAGES: Final = 100
FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF")
HANDED_OVER: Final = ("PPM",)
"""The one that a reader in a process of its own writes."""

_JPEG: Final = b"\xff\xd8\xff"
_COLOUR_SIDE: Final = 64
_STRIP_ROWS: Final = 256

# Pillow's own guard, at the same number: it looks at what a file has inside, too (a TIFF's tiles).
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
_BOMB: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)

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

_TIFF_SUBFILE: Final = 254
_REDUCED: Final = 1
_TIFF_PHOTOMETRIC: Final = 262
_WHITE_IS_ZERO: Final = 0


def read(data: bytes) -> tuple[Image.Image, float]:
    """The film in mode "L" and its hue variation; raises `Unreadable`."""
    with opened(data) as source:
        return decoded(source), colour(data, source)


def pages(data: bytes) -> int:
    """How many pictures a file holds, up to `MOST_PAGES`; previews are none.

    What a camera puts beside a JPEG's picture is never a second film.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as source:
        if source.format not in ("TIFF", "WEBP"):
            return 1
        count = 0
        for frame in range(MOST_PAGES):
            try:
                source.seek(frame)
            except (EOFError, *_BOMB, *_DAMAGED):
                break  # what can't be read beside the first one is no page to miss
            tags = getattr(source, "tag_v2", {})
            count += not tags.get(_TIFF_SUBFILE, 0) & _REDUCED
        return max(1, count)


def opened(data: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """The header alone is read, and decides about too many pixels or too few."""
    try:
        source = Image.open(io.BytesIO(data), formats=formats)
    except _BOMB:
        raise Unreadable("too_large") from None
    except (UnidentifiedImageError, *_DAMAGED):
        is_known = data.startswith(_JPEG) and is_deep_jpeg(data)
        raise Unreadable("unsupported_format" if is_known else "not_an_image") from None
    check_pixels(*source.size)
    if min(source.size) < MIN_SIDE:
        raise Unreadable("too_small")
    return source


def colour(data: bytes, source: Image.Image) -> float:
    """The hue variation of a decoded image."""
    if source.format not in ("JPEG", "MPO"):
        return hue_variation(source)
    # Of a JPEG only the brightness was decoded. A small copy of its colours costs little.
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as again:
            again.draft("RGB", (_COLOUR_SIDE, _COLOUR_SIDE))
            return 0.0 if again.mode == "L" else hue_variation(again)
    except _DAMAGED:
        raise Unreadable("not_an_image") from None


def decoded(source: Image.Image) -> Image.Image:
    """The pixels and nothing else, upright, in mode "L"; raises `Unreadable`."""
    try:
        source.draft("L", source.size)  # a JPEG's brightness alone: a quarter of the memory
        source.load()
    except _DAMAGED:
        raise Unreadable("not_an_image") from None
    try:
        gray = _to_gray(source)
    except ValueError:  # Pillow has no way from this colour space to grayscale
        raise Unreadable("unsupported_format") from None
    except AssertionError:  # Pillow's own, of colours by number without the list of colours
        raise Unreadable("not_an_image") from None
    # A new image from the pixels leaves all metadata behind.
    pixels = np.asarray(_turn_upright(source, gray))
    if np.ptp(pixels) < MIN_CONTRAST:
        raise Unreadable("not_an_image")  # nothing was exposed, or everything
    return Image.fromarray(pixels)


def _to_gray(source: Image.Image) -> Image.Image:
    if source.mode.startswith(("I", "F")):
        return _deep_to_gray(source)
    if source.has_transparency_data:
        return _over_black(source)
    return source.convert("L")


def _over_black(source: Image.Image) -> Image.Image:
    """What shines through is black, as unexposed film beside the image is.

    In strips: whole, each of the copies in between would take four bytes a pixel.
    """
    gray = Image.new("L", source.size)
    for top in range(0, source.height, _STRIP_ROWS):
        box = (0, top, source.width, min(top + _STRIP_ROWS, source.height))
        strip = source.crop(box).convert("RGBA")
        black = Image.new("RGBA", strip.size, (0, 0, 0, 255))
        gray.paste(Image.alpha_composite(black, strip).convert("L"), box)
    return gray


def _deep_to_gray(source: Image.Image) -> Image.Image:
    """8 bits from 10 to 32: the values in use, since 12-bit films come in 16-bit files.

    One pixel in a thousand at either end doesn't count: a dead or burnt-in pixel must not
    darken the film.
    """
    values = np.array(source, dtype=np.float32)
    if not np.isfinite(values).all():
        raise Unreadable("not_an_image")
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
