"""Where everything stands on one film: implant, superstructure, teeth, and the crest of the jaw."""

from dataclasses import dataclass, replace

import numpy as np

from implants.demo.bone import Ridge
from implants.demo.geometry import Geometry
from implants.demo.restoration import Build
from implants.demo.scene import Placement, Scene
from implants.demo.teeth import CANINE, INCISOR, MOLAR, PREMOLAR, ToothForm

_CROWNED = ("metal-ceramic", "zirconia")


@dataclass(frozen=True)
class Implant:
    """An implant on the film, by the middle of its platform, and what is built on it."""

    place: Placement
    build: Build


@dataclass(frozen=True)
class Neighbour:
    """A tooth beside the implant; `lean` in radians."""

    x: float
    lean: float
    form: ToothForm


@dataclass(frozen=True)
class Layout:
    """Everything on the film. The first of `implants` is the one the film is about; a second one
    of the same line may stand beside it, as patients mostly get them."""

    implants: tuple[Implant, ...]
    teeth: tuple[Neighbour, ...]
    ridge: Ridge
    upper: bool

    @property
    def occlusal(self) -> float:
        """Height of the chewing surface in mm."""
        first = self.implants[0]
        return first.place.y - first.build.gum - first.build.crown_height


def arrange(
    rng: np.random.Generator,
    scene: Scene,
    geometry: Geometry,
    size: tuple[float, float],
    view: str,
) -> Layout:
    """Choose the layout of a film for an implant of `size` (diameter, length) in mm.

    Anatomy is drawn without regard to the line, so that it tells nothing about it; only depth
    of placement and the parts on the implant follow from its geometry.
    """
    diameter, length = size
    deepest = scene.height_mm - length - geometry.submerged - 3.0
    level = min(rng.uniform(13.5, 17.5), 0.47 * scene.height_mm, deepest)
    x = scene.width_mm * rng.uniform(0.38, 0.62)
    place = Placement(x, level + geometry.submerged, rng.normal(0, 0.06))
    first = Implant(place, _build(rng, geometry, diameter, level, view))
    side = int(rng.choice([-1, 1]))
    company = rng.random()
    if view in _CROWNED and company < 0.25:
        first = replace(first, build=replace(first.build, pontic=side))
    implants = (first, _second(rng, first, side)) if company > 0.8 else (first,)
    taken = side if company < 0.25 or company > 0.8 else 0
    row = _neighbours(rng, scene.width_mm, x, first.build.crown_width, taken)
    return Layout(implants, row, _ridge(rng, level, x, row), bool(rng.random() < 0.4))


def _build(
    rng: np.random.Generator, geometry: Geometry, diameter: float, level: float, view: str
) -> Build:
    """Sizes of the superstructure; conical connections leave the edge of the platform free."""
    platform = diameter * geometry.collar.flare
    switched = geometry.socket.cone_depth > 2.0
    gum = rng.uniform(1.6, 3.0) + max(geometry.submerged, 0)
    room = level - rng.uniform(1.5, 4.0)
    return Build(
        kind=view,
        platform=platform,
        neck=geometry.socket.opening + 0.4 if switched else platform * 0.97,
        gum=gum,
        crown_height=min(rng.uniform(7.0, 10.0), room - gum),
        crown_width=rng.uniform(6.6, 10.0),
        emergence=rng.uniform(0, 1),
        skew=rng.normal(0, 0.4),
    )


def _second(rng: np.random.Generator, first: Implant, side: int) -> Implant:
    distance = first.build.crown_width + abs(rng.normal(0.2, 0.4))
    place = Placement(
        first.place.x + side * distance,
        first.place.y + rng.normal(0, 0.6),
        first.place.tilt + rng.normal(0, 0.06),
    )
    return Implant(place, replace(first.build, emergence=rng.uniform(0, 1), skew=rng.normal(0, 1)))


def _neighbours(
    rng: np.random.Generator, width_mm: float, x: float, crown_width: float, taken: int
) -> tuple[Neighbour, ...]:
    """Teeth on both sides, some missing, larger towards one side of the film. On the side
    `taken` the first place is occupied already."""
    back = rng.choice([-1, 1])
    row = []
    for side in (-1, 1):
        gap = crown_width * (1.55 if side == taken else 0.5)
        at, count = x + side * (gap + abs(rng.normal(0.1, 0.5))), 0
        free_end = rng.random() < 0.15
        while not free_end and -4 < at < width_mm + 4 and count < 4:
            form = _form(rng, side == back, count).scaled(rng.uniform(0.92, 1.06))
            at += side * form.contact
            if rng.random() > 0.08:
                row.append(Neighbour(at, rng.normal(0, 0.09) + side * 0.03, form))
            at += side * (form.contact + rng.uniform(-0.3, 0.15))
            count += 1
    return tuple(row)


def _form(rng: np.random.Generator, towards_back: bool, count: int) -> ToothForm:
    if towards_back:
        return MOLAR if count or rng.random() < 0.65 else PREMOLAR
    if count == 0 or rng.random() < 0.35:
        return PREMOLAR
    return CANINE if count == 1 else INCISOR


def _ridge(rng: np.random.Generator, level: float, x: float, row: tuple[Neighbour, ...]) -> Ridge:
    extents = tuple(
        (tooth.x - tooth.form.contact * 0.8, tooth.x + tooth.form.contact * 0.8) for tooth in row
    )
    return Ridge(
        level=level,
        implant_x=x,
        crater=max(rng.normal(0.3, 0.7), -0.2),
        rise=max(rng.normal(1.3, 0.9), -0.3),
        slope=rng.normal(0, 0.06),
        teeth=extents,
    )
