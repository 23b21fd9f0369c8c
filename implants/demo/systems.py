"""The implant systems of the demo catalogue."""

from typing import Final

from implants.demo.lines_americas_asia import AMERICAS_ASIA
from implants.demo.lines_brazil import BRAZIL
from implants.demo.lines_europe import EUROPE
from implants.demo.system import DemoSystem

__all__ = ["DEMO_SYSTEMS", "DemoSystem"]

DEMO_SYSTEMS: Final[tuple[DemoSystem, ...]] = (*BRAZIL, *EUROPE, *AMERICAS_ASIA)
