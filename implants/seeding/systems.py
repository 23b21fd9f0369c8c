"""Implants as the catalogue gets them from published facts, or from a name alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.admin.models import ADDITION, CHANGE
from django.db import transaction
from django.utils.translation import gettext as _

from implants.history import field_labels, record
from implants.models import Implant, Manufacturer
from implants.published import ATTRIBUTES, System, readable_sources
from implants.seeding.directory import Directory, squash

_UNKNOWN: Final[tuple[Any, ...]] = ("", None, [], {})


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one system: its implant, whether it is new, and which fields were filled."""

    implant: Implant
    created: bool
    filled: tuple[str, ...] = ()


def implant_called(manufacturer: str, line: str, known: Directory) -> Implant:
    """The implant of this name; created with what is published of it if it is missing."""
    system = known.system(manufacturer, line)
    if system is not None:
        return write_system(system, is_demo=False)
    maker, _created = Manufacturer.objects.get_or_create(
        name=manufacturer, defaults={"country": known.country(manufacturer)}
    )
    implant, created = Implant.objects.get_or_create(manufacturer=maker, name=line)
    if created:
        record(implant, ADDITION, _("Created by the name of a seeded film."))
    return implant


def write_system(system: System, *, is_demo: bool) -> Implant:
    """The implant of these facts. One that is there already stays as curators left it."""
    maker, _created = Manufacturer.objects.get_or_create(
        name=system.manufacturer, defaults={"country": system.country}
    )
    implant, created = Implant.objects.get_or_create(
        manufacturer=maker, name=system.name, defaults={**_facts(system), "is_demo": is_demo}
    )
    if created:
        record(implant, ADDITION, _("Created with published facts."))
    return implant


def complete_system(system: System) -> Written:
    """Create what is missing of a system and fill what is empty; what a curator wrote stays.

    An implant that goes by the system's name as an alias is that system: it was renamed or merged.
    """
    with transaction.atomic():
        there = _there(system)
        if there is None:
            return Written(write_system(system, is_demo=False), True)
        implant = Implant.objects.select_for_update(of=("self",)).get(pk=there.pk)
        filled = _fill(implant, system, by_alias=squash(implant.name) != squash(system.name))
        if filled:
            implant.save(update_fields=list(filled))
            message = _("Filled with published facts: %(fields)s.")
            record(implant, CHANGE, message % {"fields": field_labels(filled)})
        filled += _fill_country(implant.manufacturer, system.country)
    return Written(implant, False, filled)


def take_over(implant: Implant, actor: Any = None) -> None:
    """A real film documents it: the implant is no demo any more (its demo references stay so)."""
    if implant.is_demo:
        implant.is_demo = False
        implant.save(update_fields=["is_demo"])
        text = _("A real radiograph documents it: no demonstration any more.")
        record(implant, CHANGE, text, actor)


def _there(system: System) -> Implant | None:
    lines = Implant.objects.filter(manufacturer__name=system.manufacturer)
    named = lines.filter(name=system.name).first()
    if named:
        return named
    called = squash(system.name)
    own = (one for one in lines if called in map(squash, [one.name, *one.aliases]))
    # Merged with another maker's, it is an alias there, its maker's name with it.
    full = squash(f"{system.manufacturer} {system.name}")
    merged = (one for one in Implant.objects.all() if full in map(squash, one.aliases))
    return next(own, None) or next(merged, None)


def _fill(implant: Implant, system: System, *, by_alias: bool) -> tuple[str, ...]:
    """Set what is empty; under another name, or merged, its own facts are not this system's."""
    new = _missing_facts(implant, system) if not by_alias else {}
    if implant.is_demo:
        new["is_demo"] = False
    for name, value in new.items():
        setattr(implant, name, value)
    return tuple(new)


def _missing_facts(implant: Implant, system: System) -> dict[str, Any]:
    facts = _facts(system)
    new = {
        name: facts[name]
        for name in (*ATTRIBUTES, "aliases")
        if getattr(implant, name) in _UNKNOWN and facts[name] not in _UNKNOWN
    }
    sources = _sources(implant, {**_values(implant), **new}, system)
    return new if sources == implant.sources else {**new, "sources": sources}


def _sources(implant: Implant, values: Mapping[str, Any], system: System) -> dict[str, str]:
    """Those that are there, and the published ones of facts that are as published.

    A bare code, as an earlier version of the service wrote it, is spelled out.
    """
    known, facts = dict(implant.sources), _facts(system)
    for name, told in readable_sources(system).items():
        published = values[name] == facts[name]
        if published and known.get(name) in ("", None, system.sources.get(name)):
            known[name] = told
    return known


def _facts(system: System) -> dict[str, Any]:
    facts = {name: getattr(system, name) for name in ATTRIBUTES}
    return {
        **facts,
        "diameters_mm": list(system.diameters_mm),
        "aliases": list(system.aliases),
        "sources": readable_sources(system),
    }


def _values(implant: Implant) -> dict[str, Any]:
    return {name: getattr(implant, name) for name in ATTRIBUTES}


def _fill_country(maker: Manufacturer, country: str) -> tuple[str, ...]:
    if maker.country or not country:
        return ()
    maker.country = country
    maker.save(update_fields=["country"])
    record(maker, CHANGE, _("Filled with published facts: %(fields)s.") % {"fields": _("country")})
    return ("country",)
