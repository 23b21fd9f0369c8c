"""Which films the demo catalogue has, and how one is kept."""

import io
import re
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from implants.demo.renderer import VIEWS
from implants.demo.systems import DemoSystem

CATALOGUE_VIEWS: Final = VIEWS


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """PNG of a grey image, marked as demo in a text chunk and not in the picture, where an
    encoder would learn the mark."""
    mark = PngInfo()
    mark.add_text("DEMO", "Rendered for demonstration; not a radiograph of a patient")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", pnginfo=mark, compress_level=6)
    return buffer.getvalue()


def source_key(system: DemoSystem, view: str) -> str:
    """`demo/<manufacturer>/<name>/<view>.png`, in plain ASCII."""
    return f"demo/{_slug(system.manufacturer)}/{_slug(system.name)}/{view}.png"


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
