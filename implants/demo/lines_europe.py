"""European lines. Their `geometry` is assumed for the rendering."""

from typing import Final

from implants.demo.geometry import Body, Collar, Cutting, Geometry, Socket, Thread
from implants.demo.system import DemoSystem, demo_system

_CROSSFIT = Socket(3.1, 7.5, 1.6, "grooves", 2.4, 1.3, 1.7, 6.2)
_TORCFIT = Socket(2.9, 7.0, 1.2, "hex", 2.35, 1.4, 1.7, 6.0)
_SYNOCTA = Socket(3.3, 8.0, 1.9, "octagon", 2.8, 1.2, 2.0, 6.4)

EUROPE: Final[tuple[DemoSystem, ...]] = (
    demo_system(
        "Straumann",
        "Bone Level",
        Geometry(
            diameters=(3.3, 4.1, 4.8),
            lengths=(8.0, 10.0, 12.0),
            thread=Thread("v", 0.8, 1, 0.3, 0.3),
            collar=Collar(0.5, 1.0, bevel=0.2),
            body=Body(1.0, 0.0, 1.0, "dome", 1.5),
            cutting=Cutting(3, 1.8, 0.2),
            socket=_CROSSFIT,
        ),
    ),
    demo_system(
        "Straumann",
        "Bone Level Tapered",
        Geometry(
            diameters=(2.9, 3.3, 4.1, 4.8),
            lengths=(10.0, 12.0),
            thread=Thread("v", 0.8, 1, 0.3, 0.36),
            collar=Collar(0.45, 1.0, bevel=0.2),
            body=Body(0.62, 0.5, 1.3, "dome", 1.0),
            cutting=Cutting(3, 3.6, 0.3),
            socket=_CROSSFIT,
        ),
    ),
    demo_system(
        "Straumann",
        "BLX",
        Geometry(
            diameters=(3.5, 3.75, 4.5, 5.0),
            lengths=(10.0, 12.0),
            thread=Thread("trapezoid", 1.05, 2, 0.3, 0.85, apical_pitch=1.5),
            collar=Collar(0.9, 0.82, bevel=0.1),
            body=Body(0.66, 0.18, 1.1, "cone", 1.4, 0.5),
            cutting=Cutting(2, 4.0, 0.25),
            socket=_TORCFIT,
            submerged=0.4,
        ),
    ),
    demo_system(
        "Straumann",
        "TLX",
        Geometry(
            diameters=(3.75, 4.5, 5.0),
            lengths=(12.0, 14.0),
            thread=Thread("trapezoid", 1.1, 2, 0.35, 0.85, apical_pitch=1.5),
            collar=Collar(2.2, 1.16, curved=True, bevel=0.05),
            body=Body(0.66, 0.3, 1.1, "cone", 1.4, 0.5),
            cutting=Cutting(2, 4.0, 0.25),
            socket=_TORCFIT,
            submerged=-2.0,
        ),
    ),
    demo_system(
        "Straumann",
        "Tissue Level",
        Geometry(
            diameters=(3.3, 4.1, 4.8),
            lengths=(10.8, 12.8),
            thread=Thread("v", 1.25, 1, 0.3, 0.3),
            collar=Collar(2.8, 1.24, curved=True, bevel=0.05),
            body=Body(1.0, 0.0, 1.0, "dome", 1.7),
            socket=_SYNOCTA,
            submerged=-2.6,
        ),
    ),
    demo_system(
        "Nobel Biocare",
        "NobelActive",
        Geometry(
            diameters=(3.5, 4.3, 5.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("reverse_buttress", 1.2, 2, 0.4, 0.75),
            collar=Collar(1.1, 0.86, bevel=0.1),
            body=Body(0.6, 0.15, 1.0, "cone", 2.0, 0.35),
            cutting=Cutting(2, 3.5, 0.3),
            socket=Socket(3.0, 6.0, 1.6, "hex", 2.3, 1.4, 1.6, 5.8),
        ),
    ),
    demo_system(
        "Nobel Biocare",
        "NobelParallel CC",
        Geometry(
            diameters=(3.75, 4.3, 5.0),
            lengths=(10.0, 11.5, 13.0),
            thread=Thread("v", 0.7, 1, 0.34, 0.34),
            collar=Collar(0.4, 1.0, micro=1.2, micro_pitch=0.35, bevel=0.15),
            body=Body(1.0, 0.0, 1.0, "dome", 2.0),
            cutting=Cutting(3, 3.2, 0.3),
            socket=Socket(3.0, 6.0, 1.6, "hex", 2.3, 1.4, 1.8, 6.2),
        ),
    ),
    demo_system(
        "Nobel Biocare",
        "NobelReplace",
        Geometry(
            diameters=(3.5, 4.3, 5.0),
            lengths=(10.0, 13.0),
            thread=Thread("v", 0.72, 1, 0.3, 0.36),
            collar=Collar(1.5, 1.04, bevel=0.05),
            body=Body(0.55, 0.15, 1.0, "flat", 0.7),
            cutting=Cutting(3, 2.6, 0.25, 0.9),
            socket=Socket(2.9, 0, 0, "tri_channel", 2.9, 3.6, 1.9, 7.0),
        ),
    ),
    demo_system(
        "Nobel Biocare",
        "Brånemark System",
        Geometry(
            diameters=(3.75, 4.0),
            lengths=(10.0, 13.0, 15.0),
            thread=Thread("v", 0.6, 1, 0.33, 0.33),
            collar=Collar(0.8, 1.09, bevel=0.02),
            body=Body(1.0, 0.0, 1.0, "flat", 0.5),
            cutting=Cutting(4, 2.2, 0.3, 1.4),
            socket=Socket(2.0, 0, 0, "none", 0, 0, 2.0, 6.0, 0.7, 2.7),
        ),
    ),
    demo_system(
        "Dentsply Sirona",
        "Astra OsseoSpeed TX",
        Geometry(
            diameters=(3.5, 4.0, 4.5, 5.0),
            lengths=(9.0, 11.0, 13.0),
            thread=Thread("v", 0.66, 3, 0.22, 0.22),
            collar=Collar(0.15, 1.0, micro=3.0, micro_pitch=0.22, micro_depth=0.1, bevel=0.3),
            body=Body(1.0, 0.0, 1.0, "cone", 2.6, 0.55),
            cutting=Cutting(3, 2.4, 0.25),
            socket=Socket(3.2, 5.5, 2.2, "hex", 2.1, 1.3, 1.6, 6.4),
        ),
    ),
    demo_system(
        "Dentsply Sirona",
        "Ankylos",
        Geometry(
            diameters=(3.5, 4.5, 5.5),
            lengths=(9.5, 11.0, 14.0),
            thread=Thread("v", 1.15, 1, 0.12, 0.8),
            collar=Collar(1.6, 1.0, bevel=0.1),
            body=Body(0.96, 0.3, 1.0, "dome", 1.4),
            socket=Socket(2.5, 5.5, 3.4, "none", 0, 0, 1.6, 6.4),
            submerged=1.4,
        ),
    ),
    demo_system(
        "Camlog",
        "Screw-Line",
        Geometry(
            diameters=(3.3, 3.8, 4.3, 5.0),
            lengths=(9.0, 11.0, 13.0),
            thread=Thread("trapezoid", 0.95, 1, 0.3, 0.4),
            collar=Collar(1.5, 1.0, bevel=0.02),
            body=Body(0.76, 0.15, 1.0, "dome", 1.8),
            cutting=Cutting(3, 2.6, 0.2),
            socket=Socket(2.6, 0, 0, "grooves", 2.6, 5.0, 1.6, 7.6),
            submerged=-0.4,
        ),
    ),
)
