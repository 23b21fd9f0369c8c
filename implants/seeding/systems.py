"""Implants as the catalogue gets them from published facts, or from a name alone."""

from implants.demo.systems import ATTRIBUTES, DemoSystem
from implants.models import Implant, Manufacturer
from implants.seeding.directory import Directory


def implant_called(manufacturer: str, line: str, known: Directory) -> Implant:
    """The implant of this name; created with what is published of it if it is missing."""
    system = known.system(manufacturer, line)
    if system is not None:
        return write_system(system, is_demo=False)
    maker, _ = Manufacturer.objects.get_or_create(
        name=manufacturer, defaults={"country": known.country(manufacturer)}
    )
    return Implant.objects.get_or_create(manufacturer=maker, name=line)[0]


def write_system(system: DemoSystem, *, is_demo: bool) -> Implant:
    """The implant of these facts. One that is there already stays as curators left it."""
    maker, _ = Manufacturer.objects.get_or_create(
        name=system.manufacturer, defaults={"country": system.country}
    )
    facts = {name: getattr(system, name) for name in ATTRIBUTES}
    facts["diameters_mm"] = list(system.diameters_mm)
    return Implant.objects.get_or_create(
        manufacturer=maker,
        name=system.name,
        defaults={
            **facts,
            "aliases": list(system.aliases),
            "sources": dict(system.sources),
            "is_demo": is_demo,
        },
    )[0]


def take_over(implant: Implant) -> None:
    """A real film documents it: the implant is no demo any more (its demo references stay so)."""
    if implant.is_demo:
        implant.is_demo = False
        implant.save(update_fields=["is_demo"])
