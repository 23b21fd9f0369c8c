"""All films of the demo catalogue, one after the other."""

import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from implants.demo.renderer import VIEWS, RenderedFilm, render_film
from implants.demo.systems import DEMO_SYSTEMS, DemoSystem

CATALOGUE_VIEWS: Final = VIEWS


@dataclass(frozen=True)
class CatalogueFilm:
    """A film with what a reference image needs: its PNG bytes and a key that never changes."""

    system: DemoSystem
    view: str
    png: bytes
    film: RenderedFilm
    source_key: str


def catalogue_films() -> Iterator[CatalogueFilm]:
    """Render every system in every view; one film at a time, so memory stays small."""
    for system in DEMO_SYSTEMS:
        for view in CATALOGUE_VIEWS:
            film = render_film(system, view)
            yield CatalogueFilm(
                system, view, encode_png(film.image), film, source_key(system, view)
            )


def film_count() -> int:
    """How many films `catalogue_films` gives, for a progress bar."""
    return len(DEMO_SYSTEMS) * len(CATALOGUE_VIEWS)


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
