"""What stands on the implant: cover screw, healing cap, abutment, crown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from implants.demo.scene import Floats, Placement, Scene, ellipse_chord

ZIRCONIA: Final = 4.5
PRECIOUS_ALLOY: Final = 9.0
PORCELAIN: Final = 0.7


@dataclass(frozen=True)
class Build:
    """Superstructure of `kind` (one of RESTORATIONS), sizes in mm. `neck` is its diameter where
    it leaves the implant; `emergence` (0..1) how early the crown widens; `pontic` the side of a
    joined pontic or 0."""

    kind: str
    platform: float
    neck: float
    gum: float
    crown_height: float
    crown_width: float
    emergence: float
    skew: float
    pontic: int = 0


@dataclass(frozen=True)
class _Part:
    """Pixels around the implant: u across, v along its axis, negative above the platform."""

    u: Floats
    v: Floats
    build: Build


def add_restoration(rng: np.random.Generator, scene: Scene, place: Placement, build: Build) -> None:
    """Draw the superstructure; `place` is the middle of the platform."""
    height = build.gum + build.crown_height
    window = scene.window(place, height + 3, 1.5, build.crown_width * 1.7)
    u, v = scene.local(place, window)
    metal, mineral = _BUILDERS[build.kind](rng, _Part(u, v, build))
    # The abutment is hollow where an external hex stands in it, hence not the sum of both.
    scene.metal[window] = np.maximum(scene.metal[window], metal)
    scene.mineral[window] += mineral


def _cover_screw(rng: np.random.Generator, part: _Part) -> tuple[Floats, Floats]:
    radius, height = part.build.neck * 0.5, rng.uniform(0.2, 0.7)
    solid = ellipse_chord(part.u, radius, radius)
    inside = np.clip((part.v + height) / 0.12, 0, 1) * (part.v < 0)
    slot = ellipse_chord(part.u, 0.6, 0.6) * (part.v > -height)
    return np.maximum(solid * inside - slot * inside, 0), np.zeros_like(part.u)


def _healing_cap(rng: np.random.Generator, part: _Part) -> tuple[Floats, Floats]:
    height = part.build.gum + rng.uniform(0.8, 2.0)
    start = part.build.neck * 0.5
    wide = max(part.build.platform / 2 * rng.uniform(1.0, 1.45), start)
    run = np.clip(-part.v / height, 0, 1)
    radius = start + (wide - start) * np.clip(run * 1.5, 0, 1)
    radius = radius - 0.5 * np.clip((run - 0.88) / 0.12, 0, 1) ** 2
    inside = (part.v < 0) & (part.v > -height)
    socket = ellipse_chord(part.u, 0.65, 0.65) * (part.v < -height + 1.8)
    solid = np.maximum(ellipse_chord(part.u, radius, radius) - socket, 0) * inside
    return np.asarray(solid, np.float32), np.zeros_like(part.u)


def _stock_abutment(rng: np.random.Generator, part: _Part) -> tuple[Floats, Floats]:
    """Transgingival cone, shoulder, slightly conical post with the channel of the screw."""
    build = part.build
    start = build.neck * 0.5
    margin = max(min(build.crown_width * 0.36, build.platform * 0.6), start)
    emergence = np.clip(-part.v / build.gum, 0, 1) ** 1.4
    metal = _post(rng, part, start + (margin - start) * emergence, margin)
    return metal, np.zeros_like(part.u)


def _post(rng: np.random.Generator, part: _Part, cuff: Floats, margin: float) -> Floats:
    gum, height = part.build.gum, part.build.crown_height * rng.uniform(0.5, 0.68)
    above = -part.v - gum
    stump = margin * 0.8 - 0.075 * np.clip(above, 0, None)
    radius = np.where(above < 0, cuff, stump)
    radius = radius - 0.35 * np.clip((above - height + 0.5) / 0.5, 0, 1) ** 2
    inside = (part.v < 0) & (above < height)
    channel = ellipse_chord(part.u, 1.0, 1.0) * (above > 0.8 - gum * 0.4)
    solid = ellipse_chord(part.u, radius, radius) * inside
    return np.asarray(np.maximum(solid - channel * inside, 0), np.float32)


def _contour(part: _Part, inset: float) -> Floats:
    """Half width of the crown: leaves the implant, widest at the contact, rounded on top."""
    build = part.build
    run = -part.v / (build.gum + build.crown_height)
    start = build.neck / build.crown_width
    early = 0.16 + 0.2 * (1 - build.emergence)
    knots = [0.0, early * 0.5, early, 0.5, 0.68, 0.85, 0.96, 1.05]
    rise = start + (0.94 - start) * np.array([0.0, 0.14 + 0.2 * build.emergence, 0.62])
    sizes = [*rise, 0.93, 1.0, 0.97, 0.86, 0.66]
    half = np.interp(run, knots, sizes) * build.crown_width / 2
    return np.asarray(half - inset * np.clip(run * 5, 0, 1), np.float32)


def _crown(part: _Part, inset: float) -> Floats:
    """Path through the crown from the implant to the cusps, `inset` mm inside its surface."""
    build = part.build
    total = build.gum + build.crown_height - inset
    cusps = 1.0 if build.crown_width < 8 else 1.9
    wave = np.cos(part.u / build.crown_width * 2 * np.pi * cusps + build.skew)
    under = part.v + total - 0.4 * (1 + wave) - 0.03 * part.u * part.u
    slope = np.clip(under / 1.8, 0, 1)
    width = _contour(part, inset)
    depth = np.maximum(width, 0.1) * np.sqrt(slope * (2 - slope))
    chord = ellipse_chord(part.u, width, depth) * (part.v < 0)
    return np.asarray(np.maximum(chord, _pontic(part, inset)), np.float32)


def _pontic(part: _Part, inset: float) -> Floats:
    """A second crown joined to the first, its underside rounded and free of the gingiva."""
    build = part.build
    if not build.pontic:
        return np.zeros_like(part.u)
    u = part.u - build.pontic * build.crown_width * 0.92
    total = build.gum + build.crown_height - inset
    top = part.v + total - 0.35 * (1 + np.cos(u / build.crown_width * 11 + build.skew))
    underside = -part.v - build.gum * 0.8 - inset - 0.13 * u * u
    upper, lower = np.clip(top / 1.8, 0, 1), np.clip(underside / 4.5, 0, 1)
    width = (build.crown_width * 0.5 - inset) * (0.5 + 0.5 * np.sqrt(lower * (2 - lower)))
    width = np.where(lower > 0, width, 0.01)
    depth = width * np.sqrt(upper * (2 - upper)) * np.sqrt(lower * (2 - lower))
    contact = part.v + build.gum + build.crown_height * 0.55
    between = np.abs(part.u - build.pontic * build.crown_width * 0.46) < 1.2
    joint = ellipse_chord(contact, 2.5 - inset * 0.5, 1.8) * between
    return np.maximum(ellipse_chord(u, width - 0.25 * (1 - upper), depth), joint)


def _metal_ceramic(rng: np.random.Generator, part: _Part) -> tuple[Floats, Floats]:
    """Cast framework under translucent porcelain."""
    framework = _crown(part, rng.uniform(0.1, 1.0))
    porcelain = np.maximum(_crown(part, 0.0) - framework, 0) * (-part.v > part.build.gum * 0.7)
    return PRECIOUS_ALLOY * framework, PORCELAIN * porcelain


def _zirconia(rng: np.random.Generator, part: _Part) -> tuple[Floats, Floats]:
    collar = ellipse_chord(part.u, _contour(part, 0.0), _contour(part, 0.0))
    base = collar * (part.v < 0) * (-part.v < part.build.gum * rng.uniform(0.2, 0.8))
    ceramic = np.where(base > 0, 0, _crown(part, 0.0))
    return np.asarray(base + ZIRCONIA * ceramic, np.float32), np.zeros_like(part.u)


def _glass_ceramic(rng: np.random.Generator, part: _Part) -> tuple[Floats, Floats]:
    """Translucent crown on a titanium base; its screw channel closed with composite."""
    contour = _contour(part, 0.35)
    margin = part.build.neck * 0.5 + 0.25
    metal = _post(rng, part, np.minimum(contour, margin), margin)
    crown = _crown(part, 0.0) * (-part.v > part.build.gum * 0.5)
    return metal, PORCELAIN * np.maximum(crown - metal, 0)


_Builder = Callable[[np.random.Generator, _Part], tuple[Floats, Floats]]

_BUILDERS: Final[dict[str, _Builder]] = {
    "metal-ceramic": _metal_ceramic,
    "zirconia": _zirconia,
    "glass-ceramic": _glass_ceramic,
    "abutment": _stock_abutment,
    "healing-cap": _healing_cap,
    "cover-screw": _cover_screw,
}

RESTORATIONS: Final = tuple(_BUILDERS)
"""Names of the superstructures."""
