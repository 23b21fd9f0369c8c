"""Rendered films to fit a projection on: the demo's systems, but no film of its catalogue."""

from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.region import Region

Film = tuple[Image.Image, Region | None]

FILMS_IN_A_ROUND = len(DEMO_SYSTEMS) * len(VIEWS)


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
