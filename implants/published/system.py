"""One implant system as it was published: its facts, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

ATTRIBUTES: Final = (
    "type",
    "connection",
    "connection_detail",
    "level",
    "body",
    "thread",
    "microthread",
    "apex",
    "apical_feature",
    "platform",
    "collar",
    "diameters_mm",
    "look_alike_group",
)
"""Attributes that are facts: each one that isn't empty has an entry in `sources`."""

SOURCES: Final[Mapping[str, str]] = {
    "F": "resumo 510(k) da FDA",
    "L": "resumo 510(k) K150295 da FDA (tamanhos de plataforma)",
    "G": "guia de Nery das interfaces protéticas brasileiras",
    "D": "base aberta de implantes que cita catálogos dos fabricantes (D)",
    "S": "base aberta de implantes que cita catálogos dos fabricantes (S)",
    "T": "base aberta de implantes que cita catálogos dos fabricantes (T)",
    "R": "lista de loja ou de software de planejamento (fonte fraca)",
    "K": "conhecimento geral, sem fonte",
}
"""What the codes of sources mean, as the catalogue says it."""


@dataclass(frozen=True, kw_only=True)
class System:
    """Facts as published, unknown left empty. `sources` maps an attribute to the code(s) of its
    source (`SOURCES`).

    A published range of diameters is no list of diameters, so `diameters_mm` stays empty; the
    range, in millimetres with its code, is `diameter_range`: the catalogue keeps it as a remark.

    Texts are Portuguese: they are content of the catalogue, as a curator would write it.
    """

    manufacturer: str
    country: str
    name: str
    aliases: tuple[str, ...] = ()
    type: str = ""
    connection: str = ""
    connection_detail: str = ""
    level: str = ""
    body: str = ""
    thread: str = ""
    microthread: bool | None = None
    apex: str = ""
    apical_feature: str = ""
    platform: str = ""
    collar: str = ""
    diameters_mm: tuple[Decimal, ...] = ()
    diameter_range: tuple[str, str, str] | None = None
    look_alike_group: str = ""
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)


def diameters(*values: str) -> tuple[Decimal, ...]:
    """Diameters in mm, with two places as in the catalogue."""
    return tuple(Decimal(value).quantize(Decimal("0.01")) for value in values)


def readable_sources(system: System) -> dict[str, str]:
    """The sources of its facts in words, by attribute; a range of diameters is told beside its."""
    told = {name: spell_out(codes) for name, codes in system.sources.items()}
    if system.diameter_range:
        least, most, codes = system.diameter_range
        span = f"faixa de {least} a {most} mm: {spell_out(codes)}"
        told["diameters_mm"] = "; ".join(filter(None, [told.get("diameters_mm"), span]))
    return told


def spell_out(codes: str) -> str:
    """The sources behind codes such as "G, F"."""
    return "; ".join(SOURCES[code] for code in codes.split(", "))
