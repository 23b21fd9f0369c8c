"""Lines from North America, Israel and Korea. Their `geometry` is assumed for the rendering."""

from typing import Final

from implants.demo.geometry import Body, Collar, Cutting, Geometry, Socket, Thread
from implants.demo.system import DemoSystem, demo_system

_HEX_11 = Socket(2.9, 11.0, 1.3, "hex", 2.5, 1.6, 1.8, 6.4)
_TS_ET = Geometry(
    diameters=(4.0, 4.5, 5.0),
    lengths=(10.0, 11.5, 13.0),
    thread=Thread("v", 0.8, 1, 0.36, 0.42),
    collar=Collar(0.4, 0.98, micro=2.2, micro_pitch=0.4, micro_depth=0.12, bevel=0.2),
    body=Body(0.66, 0.15, 1.0, "dome", 1.0),
    cutting=Cutting(4, 3.4, 0.35),
    socket=_HEX_11,
)

AMERICAS_ASIA: Final[tuple[DemoSystem, ...]] = (
    demo_system(
        "Zimmer",
        "Tapered Screw-Vent",
        Geometry(
            diameters=(3.7, 4.1, 4.7),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("v", 0.62, 3, 0.3, 0.3),
            collar=Collar(1.0, 1.0, bevel=0.25),
            body=Body(0.74, 0.1, 1.0, "dome", 1.0),
            cutting=Cutting(3, 2.8, 0.3, 1.3),
            socket=Socket(2.9, 22.0, 0.5, "hex", 2.5, 1.5, 1.8, 6.0),
        ),
    ),
    demo_system(
        "Zimmer Biomet",
        "3i Certain",
        Geometry(
            diameters=(3.4, 4.1, 5.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("v", 0.66, 1, 0.3, 0.3),
            collar=Collar(1.25, 1.04, bevel=0.02),
            body=Body(1.0, 0.0, 1.0, "flat", 0.7),
            cutting=Cutting(4, 3.0, 0.35),
            socket=Socket(2.7, 0, 0, "hex", 2.6, 4.0, 1.8, 7.2),
        ),
    ),
    demo_system(
        "BioHorizons",
        "Tapered Internal",
        Geometry(
            diameters=(3.5, 4.5),
            lengths=(9.0, 10.5, 12.0),
            thread=Thread("reverse_buttress", 0.95, 1, 0.42, 0.5),
            collar=Collar(1.8, 1.02, bevel=0.1),
            body=Body(0.68, 0.1, 1.1, "flat", 0.8),
            cutting=Cutting(3, 3.0, 0.3),
            socket=Socket(3.2, 45.0, 0.4, "hex", 2.5, 1.5, 1.8, 6.4),
        ),
    ),
    demo_system(
        "Bicon",
        "Short",
        Geometry(
            diameters=(4.0, 4.5, 5.0),
            lengths=(6.0, 8.0),
            thread=Thread("fin", 0.95, 0, 0.75, 0.65),
            collar=Collar(1.4, 0.66, bevel=0.05),
            body=Body(0.86, 0.25, 1.0, "dome", 0.9),
            socket=Socket(2.0, 1.5, 3.6, "none", 0, 0, 0.9, 3.8, screw=False),
            submerged=1.2,
        ),
    ),
    demo_system(
        "Osstem",
        "TSIII",
        _TS_ET,
    ),
    demo_system(
        "Hiossen",
        "ETIII",
        _TS_ET,
    ),
    demo_system(
        "Osstem",
        "SSII",
        Geometry(
            diameters=(4.1, 4.8),
            lengths=(11.8, 13.8),
            thread=Thread("v", 0.8, 1, 0.35, 0.35),
            collar=Collar(1.8, 1.18, bevel=0.45),
            body=Body(0.96, 0.3, 1.0, "cone", 1.8, 0.55),
            cutting=Cutting(3, 3.6, 0.4),
            socket=Socket(3.4, 8.0, 1.9, "octagon", 2.9, 1.0, 2.0, 6.4),
            submerged=-1.8,
        ),
    ),
    demo_system(
        "Dentium",
        "SuperLine",
        Geometry(
            diameters=(3.6, 4.0, 4.5, 5.0),
            lengths=(8.0, 10.0, 12.0),
            thread=Thread("buttress", 0.85, 2, 0.42, 0.55),
            collar=Collar(0.6, 0.96, bevel=0.2),
            body=Body(0.52, 0.05, 1.0, "cone", 1.4, 0.45),
            cutting=Cutting(2, 5.0, 0.4),
            socket=Socket(3.0, 8.0, 1.9, "hex", 2.3, 1.2, 1.7, 6.0),
        ),
    ),
    demo_system(
        "MegaGen",
        "AnyRidge",
        Geometry(
            diameters=(4.0, 4.5, 5.0),
            lengths=(8.5, 10.0, 11.5),
            thread=Thread("v", 1.3, 1, 0.55, 0.95),
            collar=Collar(1.0, 0.84, bevel=0.1),
            body=Body(0.72, 0.25, 1.1, "dome", 1.3),
            cutting=Cutting(2, 3.0, 0.2),
            socket=Socket(2.9, 5.0, 2.6, "hex", 2.1, 1.0, 1.6, 5.8),
            submerged=0.6,
        ),
    ),
    demo_system(
        "MIS",
        "V3",
        Geometry(
            diameters=(3.3, 3.9, 4.3, 5.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("square", 1.15, 2, 0.38, 0.55),
            collar=Collar(1.6, 0.88, micro=0.8, micro_pitch=0.4, bevel=0.1),
            body=Body(0.72, 0.2, 1.0, "flat", 0.6),
            cutting=Cutting(3, 3.4, 0.35),
            socket=Socket(2.8, 6.0, 2.2, "hex", 2.1, 1.1, 1.6, 6.0),
        ),
    ),
    demo_system(
        "Noris",
        "Tuff",
        Geometry(
            diameters=(3.75, 4.2, 5.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("buttress", 1.4, 2, 0.4, 0.8),
            collar=Collar(0.3, 0.98, micro=1.6, micro_pitch=0.4, micro_depth=0.13, bevel=0.2),
            body=Body(0.5, 0.2, 1.0, "cone", 1.6, 0.5),
            cutting=Cutting(2, 4.5, 0.3),
            socket=Socket(2.6, 0, 0, "hex", 2.45, 1.9, 1.75, 6.2),
        ),
    ),
)
