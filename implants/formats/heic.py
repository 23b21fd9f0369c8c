"""HEIC, as iPhones photograph, read by libheif (pi-heif: the build without the GPL's encoder)."""

from pi_heif import HeifFile
from PIL import Image

from implants.formats import Unreadable, check_pixels

# What pi-heif raises on damaged files.
_DAMAGED = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, IndexError)


def read(data: bytes) -> Image.Image:
    """The primary picture, upright: the format turns pictures itself, EXIF doesn't count."""
    try:
        picture = HeifFile(data)
        check_pixels(*picture.size)
        return picture.to_pillow()
    except _DAMAGED:
        raise Unreadable("not_an_image") from None
