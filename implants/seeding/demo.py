"""The demo catalogue as rows: rendered films of real systems, marked as demo."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from implants.catalogue import Film, add_film, without_vector
from implants.demo.catalogue import CATALOGUE_VIEWS, encode_png, source_key
from implants.demo.renderer import render_film
from implants.demo.systems import DEMO_SYSTEMS, DemoSystem
from implants.models import ReferenceImage
from implants.radiograph import open_radiograph
from implants.seeding.systems import write_system

_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class DemoFilm:
    """A film of the demo catalogue, not rendered yet."""

    system: DemoSystem
    view: str

    @property
    def source_key(self) -> str:
        """The key of its reference."""
        return source_key(self.system, self.view)


def missing_films() -> list[DemoFilm]:
    """The films that are no references yet."""
    films = [DemoFilm(system, view) for system in DEMO_SYSTEMS for view in CATALOGUE_VIEWS]
    known = ReferenceImage.objects.filter(source_key__startswith="demo/")
    keys = set(known.values_list("source_key", flat=True))
    return [film for film in films if film.source_key not in keys]


def add_demo_film(film: DemoFilm) -> ReferenceImage:
    """Render the film and make it a reference. The system's implant is created if it is missing.

    The reference is the whole film, as the films are with which it will be compared.
    """
    rendered = render_film(film.system, film.view)
    intake = Film(
        open_radiograph(encode_png(rendered.image)),
        diameter_mm=_millimetres(rendered.diameter_mm, "0.01"),
        length_mm=_millimetres(rendered.length_mm, "0.1"),
    )
    implant = write_system(film.system, is_demo=True)
    return add_film(implant, intake, source_key=film.source_key, is_demo=True).reference


def batches_without_vector(encoder_id: int) -> list[list[ReferenceImage]]:
    """The demo references that this encoder has no vector of."""
    lacking = list(without_vector(encoder_id).filter(is_demo=True).order_by("pk"))
    return [lacking[start : start + _BATCH] for start in range(0, len(lacking), _BATCH)]


def _millimetres(value: float, step: str) -> Decimal:
    return Decimal(str(value)).quantize(Decimal(step))
