"""Rendered films to fit a projection on: the demo's systems, but no film of its catalogue."""

from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.region import Region

CONTEXTS = (0.0, 0.1, 0.25, 0.5)
"""Margins around an implant, in parts of its longer side: people mark it tightly or loosely."""

Sample = tuple[Image.Image, Region | None]

SAMPLES_IN_A_ROUND = len(DEMO_SYSTEMS) * len(VIEWS) * (1 + len(CONTEXTS))


def fitting_samples(rounds: int) -> Iterator[Sample]:
    """Every fitting film as a whole, and its implant with each margin."""
    for image, implant in fitting_films(rounds):
        yield image, None
        for margin in CONTEXTS:
            yield image, _widened(implant, margin * max(implant.width, implant.height))


def fitting_films(rounds: int) -> Iterator[tuple[Image.Image, Region]]:
    """Every system in every view, `rounds` times over, each film and the region of its implant.

    A film's chance elements follow from the system's name, so a name that no catalogue has gives
    films that no catalogue has; the odd rounds look as patients' films do.
    """
    for number in range(rounds):
        for system in DEMO_SYSTEMS:
            stranger = replace(system, name=f"{system.name} (fitting {number})")
            for view in VIEWS:
                film = render_film(stranger, view, query=number % 2 == 1)
                yield Image.fromarray(film.image), Region.from_list(film.region)


def _widened(region: Region, margin: float) -> Region:
    left, top = max(0.0, region.x - margin), max(0.0, region.y - margin)
    right = min(1.0, region.x + region.width + margin)
    bottom = min(1.0, region.y + region.height + margin)
    return Region(left, top, right - left, bottom - top)
