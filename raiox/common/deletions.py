"""When so much would disappear at once that it may be a mistake.

A database that was not restored yet names no film, a bucket of another name holds none: then what
cleans up after the one or the other would take everything.
"""

from typing import Final

_FEW: Final = 20
"""So many may disappear at once, however few there are."""


def may_be_mistake(gone: int, among: int) -> bool:
    """Whether `gone` of `among` are more than half, and more than a few."""
    return gone > max(_FEW, among // 2)
