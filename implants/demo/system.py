"""One implant system of the demo catalogue: its facts, and the geometry it is rendered from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from implants.demo.geometry import Geometry

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


@dataclass(frozen=True)
class DemoSystem:
    """Facts as published, unknown left empty. A published range of diameters is not a list of
    diameters, so it stays empty too. `sources` maps an attribute to the code(s) of its source:

    F FDA 510(k) summary · L K150295 (platform sizes) · G Nery's guide to Brazilian prosthetic
    interfaces · D, S, T open implant databases citing brochures · R shop or planner lists ·
    K general knowledge, no source.

    Texts are Portuguese: they are content of the catalogue, as a curator would write it.

    `geometry` is an assumption of the rendering and no fact at all.
    """

    manufacturer: str
    country: str
    name: str
    geometry: Geometry
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
    look_alike_group: str = ""
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)


def diameters(*values: str) -> tuple[Decimal, ...]:
    """Diameters in mm, with two places as in the catalogue."""
    return tuple(Decimal(value).quantize(Decimal("0.01")) for value in values)
