"""Films of the demo and the bundled encoder: the desk is tried with real vectors."""

from collections.abc import Iterator
from functools import cache

import pytest
from django.contrib.auth.models import User

from implants.activation import activate
from implants.catalogue import add_reference
from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS, RenderedFilm, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.embedding import embed_reference
from implants.encoders import active
from implants.encoders.bundle import BUNDLED
from implants.models import Encoder, Implant, ReferenceImage
from implants.region import Region
from tests.factories import ImplantFactory
from tests.people import person


@cache
def rendered(system: int, view: int) -> RenderedFilm:
    """A film of a system, rendered once for all tests."""
    return render_film(DEMO_SYSTEMS[system], VIEWS[view])


def film_file(system: int, view: int) -> bytes:
    """The same as a file."""
    return encode_png(rendered(system, view).image)


def keep(implant: Implant, system: int, view: int) -> ReferenceImage:
    """Make it a reference with its region and vector."""
    region = Region(*rendered(system, view).region)
    reference = add_reference(implant, film_file(system, view), region=region).reference
    embed_reference(reference.pk)
    return reference


@pytest.fixture
def bundled(no_encoder: None) -> Iterator[Encoder]:
    """The encoder of the repository answers."""
    yield activate(BUNDLED).encoder
    active.forget()


@pytest.fixture
def drive(db: None) -> Implant:
    return ImplantFactory.create(name="Drive CM", manufacturer__name="Neodent")


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")
