"""Brazilian lines. Their `geometry` is assumed for the rendering."""

from typing import Final

from implants.demo.geometry import Body, Collar, Cutting, Geometry, Socket, Thread
from implants.demo.system import DemoSystem, demo_system

_CM = Socket(2.5, 5.75, 3.6, "none", 0, 0, 1.8, 7.0)
_GM = Socket(3.0, 8.0, 2.6, "hex", 1.95, 0.9, 1.6, 6.6)
_EXTERNAL_HEX = Socket(2.0, 0, 0, "none", 0, 0, 2.0, 6.5, 0.7, 2.7)

BRAZIL: Final[tuple[DemoSystem, ...]] = (
    demo_system(
        "Neodent",
        "Drive CM",
        Geometry(
            diameters=(3.5, 4.3, 5.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("square", 1.15, 2, 0.30, 0.55),
            collar=Collar(0.9, 0.94, bevel=0.25),
            body=Body(0.62, 0.12, 1.2, "dome", 1.4),
            cutting=Cutting(2, 4.5, 0.3),
            socket=_CM,
            submerged=1.0,
        ),
    ),
    demo_system(
        "Neodent",
        "Titamax CM",
        Geometry(
            diameters=(3.5, 3.75, 4.0),
            lengths=(9.0, 11.0, 13.0),
            thread=Thread("v", 0.6, 1, 0.27, 0.27),
            collar=Collar(0.8, 0.96, bevel=0.25),
            body=Body(1.0, 0.0, 1.0, "cone", 1.6, 0.5),
            cutting=Cutting(3, 3.0, 0.25),
            socket=_CM,
            submerged=1.0,
        ),
    ),
    demo_system(
        "Neodent",
        "Titamax HE",
        Geometry(
            diameters=(3.3, 3.75, 4.0),
            lengths=(9.0, 11.0, 13.0),
            thread=Thread("v", 0.6, 1, 0.3, 0.3),
            collar=Collar(1.0, 1.09, bevel=0.05),
            body=Body(1.0, 0.0, 1.0, "flat", 0.8),
            cutting=Cutting(3, 3.2, 0.3),
            socket=_EXTERNAL_HEX,
        ),
    ),
    demo_system(
        "Neodent",
        "Helix GM",
        Geometry(
            diameters=(3.75, 4.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("trapezoid", 1.0, 2, 0.22, 0.5),
            collar=Collar(0.5, 0.93, bevel=0.3),
            body=Body(0.8, 0.35, 1.3, "cone", 2.8, 0.42),
            cutting=Cutting(2, 5.0, 0.3),
            socket=_GM,
            submerged=1.2,
        ),
    ),
    demo_system(
        "SIN",
        "Strong SW",
        Geometry(
            diameters=(3.5, 3.8, 4.5),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("buttress", 0.9, 2, 0.3, 0.42),
            collar=Collar(0.3, 0.97, micro=2.0, micro_pitch=0.3, bevel=0.25),
            body=Body(0.78, 0.25, 1.2, "dome", 1.5),
            cutting=Cutting(3, 3.6, 0.35),
            socket=_CM,
            submerged=0.8,
        ),
    ),
    demo_system(
        "Conexão",
        "Master",
        Geometry(
            diameters=(3.75, 5.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("v", 0.72, 1, 0.36, 0.36),
            collar=Collar(0.7, 1.07, bevel=0.05),
            body=Body(1.0, 0.0, 1.0, "dome", 1.6),
            cutting=Cutting(2, 3.8, 0.35, 1.1),
            socket=_EXTERNAL_HEX,
        ),
    ),
    demo_system(
        "Implacil",
        "Maestro",
        Geometry(
            diameters=(3.5, 4.0, 4.5),
            lengths=(9.0, 11.0, 13.0),
            thread=Thread("trapezoid", 0.85, 1, 0.38, 0.45),
            collar=Collar(0.4, 0.95, bevel=0.4),
            body=Body(0.86, 0.3, 1.0, "dome", 1.3),
            cutting=Cutting(2, 4.0, 0.4),
            socket=_CM,
            submerged=1.2,
        ),
    ),
    demo_system(
        "FGM",
        "Arcsys",
        Geometry(
            diameters=(3.3, 3.8, 4.3),
            lengths=(9.0, 11.0, 13.0),
            thread=Thread("square", 1.2, 2, 0.35, 0.5),
            collar=Collar(0.2, 0.98, micro=1.6, micro_pitch=0.32, bevel=0.2),
            body=Body(0.7, 0.15, 1.1, "cone", 1.8, 0.5),
            cutting=Cutting(3, 3.4, 0.35),
            socket=Socket(2.6, 3.0, 5.2, "none", 0, 0, 1.6, 5.6, screw=False),
            submerged=1.2,
        ),
    ),
    demo_system(
        "Plenum",
        "MF",
        Geometry(
            diameters=(3.5, 4.0, 4.5),
            lengths=(10.0, 11.5),
            thread=Thread("reverse_buttress", 1.1, 1, 0.42, 0.5),
            collar=Collar(0.7, 0.95, bevel=0.25),
            body=Body(0.72, 0.1, 1.4, "dome", 1.4),
            cutting=Cutting(2, 3.0, 0.35),
            socket=_GM,
            submerged=0.8,
        ),
    ),
)
