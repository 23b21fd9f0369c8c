"""One implant system of the demo catalogue: its facts, and the geometry it is rendered from."""

from dataclasses import dataclass, fields

from implants.demo.geometry import Geometry
from implants.published import BY_NAME
from implants.published.system import System


@dataclass(frozen=True, kw_only=True)
class DemoSystem(System):
    """The published facts of a system; `geometry` is an assumption of the rendering and no fact."""

    geometry: Geometry


def demo_system(manufacturer: str, name: str, geometry: Geometry) -> DemoSystem:
    """A published system that is rendered with this geometry."""
    facts = BY_NAME[manufacturer, name]
    known = {field.name: getattr(facts, field.name) for field in fields(System)}
    return DemoSystem(**known, geometry=geometry)
