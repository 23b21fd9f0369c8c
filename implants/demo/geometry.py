"""Geometry from which the demo films are rendered.

Everything in `Geometry` is an ASSUMPTION OF THE RENDERING, chosen so that the picture has the
character of the line (thread coarse or fine, neck flared or straight, ...). None of it is a fact
about the product: facts stand in `DemoSystem`, each with its source.
"""

from dataclasses import dataclass, field
from typing import Literal

ThreadShape = Literal["v", "square", "trapezoid", "buttress", "reverse_buttress", "fin"]
IndexShape = Literal["none", "hex", "octagon", "tri_channel", "grooves"]
ApexShape = Literal["cone", "dome", "flat"]


@dataclass(frozen=True)
class Thread:
    """Helical thread. `leads` 0 means separate plateau fins instead of a helix. Lengths in mm."""

    shape: ThreadShape = "v"
    pitch: float = 0.8
    leads: int = 1
    depth: float = 0.35
    apical_depth: float = 0.35
    apical_pitch: float | None = None


@dataclass(frozen=True)
class Collar:
    """Neck of the implant. `flare` is platform diameter / body diameter; `micro` in mm."""

    height: float = 0.5
    flare: float = 1.0
    curved: bool = False
    micro: float = 0.0
    micro_pitch: float = 0.25
    micro_depth: float = 0.08
    bevel: float = 0.15


@dataclass(frozen=True)
class Body:
    """Outer envelope. `apex_ratio` is the diameter where the apex begins / body diameter;
    `taper_start` the fraction of the length where tapering begins (0 = at the neck)."""

    apex_ratio: float = 1.0
    taper_start: float = 0.0
    taper_power: float = 1.0
    apex: ApexShape = "dome"
    apex_length: float = 1.2
    tip_ratio: float = 0.35


@dataclass(frozen=True)
class Cutting:
    """Self-tapping features of the apex: flutes milled along the axis, and a transverse hole."""

    flutes: int = 0
    flute_length: float = 3.0
    flute_depth: float = 0.35
    hole: float = 0.0


@dataclass(frozen=True)
class Socket:
    """Connection. Outer hex or inner cavity with an index and the bore of the screw, in mm.

    `cone_angle` is the half angle in degrees; `opening` the diameter of the cavity at the platform.
    """

    opening: float = 2.5
    cone_angle: float = 0.0
    cone_depth: float = 0.0
    index: IndexShape = "hex"
    index_width: float = 2.0
    index_depth: float = 1.5
    bore: float = 1.8
    depth: float = 6.0
    external_height: float = 0.0
    external_width: float = 0.0
    screw: bool = True


@dataclass(frozen=True)
class Geometry:
    """One line as a solid, in mm; the diameters and lengths are those that are rendered."""

    diameters: tuple[float, ...] = (4.0,)
    lengths: tuple[float, ...] = (10.0, 11.5)
    thread: Thread = field(default_factory=Thread)
    collar: Collar = field(default_factory=Collar)
    body: Body = field(default_factory=Body)
    cutting: Cutting = field(default_factory=Cutting)
    socket: Socket = field(default_factory=Socket)
    submerged: float = 0.0
