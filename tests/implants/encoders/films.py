"""Radiographs for the encoders' tests: rendered, and bundles to break."""

import shutil
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from implants.demo.renderer import VIEWS, RenderedFilm, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.encoders.bundle import BUNDLED


@cache
def rendered(system: int = 0, view: int = 0) -> RenderedFilm:
    """One film of the demo, rendered once for all tests."""
    return render_film(DEMO_SYSTEMS[system], VIEWS[view], query=True)


def rendered_image(system: int = 0, view: int = 0) -> Image.Image:
    """The same, as an image."""
    return Image.fromarray(rendered(system, view).image)


def clear_film() -> Image.Image:
    """Metal in the middle, bone around it, air at the border: polarity leaves no doubt."""
    y, x = np.mgrid[-1:1:240j, -1:1:200j]
    pixels = 40 + 90 * np.exp(-2 * (x**2 + y**2))
    thread = 0.12 + 0.02 * np.sin(60 * y)
    pixels[(np.abs(x) < thread) & (np.abs(y) < 0.6)] = 235
    return Image.fromarray(pixels.astype(np.uint8))


def copy_bundle(folder: Path) -> Path:
    """A bundle of one's own, the same as the bundled one."""
    return Path(shutil.copytree(BUNDLED, folder / "bundle"))
