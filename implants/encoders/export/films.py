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

FILMS_IN_A_ROUND = len(DEMO_SYSTEMS) * len(VIEWS)
SAMPLES_IN_A_ROUND = FILMS_IN_A_ROUND * (1 + len(CONTEXTS))


def fitting_samples(rounds: int) -> Iterator[Sample]:
    """Every fitting film as a whole, and its implant with each margin."""
    for image, implant in fitting_films(rounds):
        yield image, None
        for margin in CONTEXTS:
            yield image, _widened(implant, margin * max(implant.width, implant.height))


def fitting_films(rounds: int) -> Iterator[tuple[Image.Image, Region]]:
    """Every system in every view, `rounds` times over, each film and the region of its implant."""
    return ((image, region) for _, image, region in labelled_films(rounds))


def labelled_films(rounds: int) -> Iterator[tuple[int, Image.Image, Region]]:
    """The same, with the number of its system before each film."""
    for number in range(rounds):
        for label in range(len(DEMO_SYSTEMS)):
            for view in VIEWS:
                yield label, *_strange_film(label, view, number)


def mixed_films(count: int) -> Iterator[Sample]:
    """A few films of as many systems, in all views and looks, whole and cut out by turns."""
    for number in range(count):
        view = VIEWS[number % len(VIEWS)]
        image, region = _strange_film(number % len(DEMO_SYSTEMS), view, number)
        yield image, region if number % 2 else None


def _strange_film(label: int, view: str, number: int) -> tuple[Image.Image, Region]:
    """A film that no catalogue has: its chance elements follow from the name of its system.

    The odd numbers look as patients' films do.
    """
    system = DEMO_SYSTEMS[label]
    stranger = replace(system, name=f"{system.name} (fitting {number})")
    film = render_film(stranger, view, query=number % 2 == 1)
    return Image.fromarray(film.image), Region.from_list(film.region)


def _widened(region: Region, margin: float) -> Region:
    left, top = max(0.0, region.x - margin), max(0.0, region.y - margin)
    right = min(1.0, region.x + region.width + margin)
    bottom = min(1.0, region.y + region.height + margin)
    return Region(left, top, right - left, bottom - top)
