"""What is published of implant systems: the one place where the product keeps such facts."""

from typing import Final

from implants.published.americas_asia import AMERICAS_ASIA
from implants.published.brazil import BRAZIL
from implants.published.europe import EUROPE
from implants.published.system import ATTRIBUTES, System, readable_sources

__all__ = ["ATTRIBUTES", "BY_NAME", "SYSTEMS", "System", "readable_sources"]

SYSTEMS: Final[tuple[System, ...]] = (*BRAZIL, *EUROPE, *AMERICAS_ASIA)

BY_NAME: Final = {(system.manufacturer, system.name): system for system in SYSTEMS}
"""By manufacturer and name."""
