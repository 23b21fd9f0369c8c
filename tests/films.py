"""Films of the demo: each is rendered once in a process, for that takes a third of a second."""

from functools import cache

from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS, RenderedFilm, render_film
from implants.demo.systems import DemoSystem


@cache
def rendered(system: DemoSystem, view: str = VIEWS[0], *, query: bool = False) -> RenderedFilm:
    """As `render_film`; whoever changes the picture needs a copy."""
    film = render_film(system, view, query=query)
    film.image.flags.writeable = False
    return film


@cache
def film(system: DemoSystem, view: str = VIEWS[0], *, query: bool = False) -> bytes:
    """PNG bytes of the same."""
    return encode_png(rendered(system, view, query=query).image)
