"""Neighbouring teeth: enamel, dentine, pulp, periodontal space, lamina dura."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from implants.demo.bone import Jaw
from implants.demo.scene import Floats, Placement, Scene, ellipse_chord

ENAMEL: Final = 2.3
DENTINE: Final = 0.92

_TABLE_STEP = 0.05
_TABLE_TOP = -16.0

Knots = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ToothForm:
    """Sizes in mm. `width` and `depth` are half axes along v: 0 at the neck, crown negative."""

    crown: float
    root: float
    roots: int
    cusps: int
    cusp_height: float
    width: Knots
    depth: Knots

    @property
    def contact(self) -> float:
        """Half width at the contact points."""
        return max(size for _, size in self.width)

    def scaled(self, factor: float) -> "ToothForm":
        """The same tooth, larger or smaller."""

        def grown(knots: Knots) -> Knots:
            return tuple((at * factor, size * factor) for at, size in knots)

        return ToothForm(
            self.crown * factor,
            self.root * factor,
            self.roots,
            self.cusps,
            self.cusp_height,
            grown(self.width),
            grown(self.depth),
        )


INCISOR: Final = ToothForm(
    9.0, 12.5, 1, 0, 0.15,
    ((-9.3, 2.5), (-8.4, 2.8), (-6.5, 2.85), (-3, 2.35), (0, 1.9), (6, 1.5), (10, 1), (12.5, 0.4)),
    ((-9.3, 0.5), (-7, 1.3), (-3, 2.6), (0, 2.9), (6, 2.4), (10, 1.5), (12.5, 0.5)),
)  # fmt: skip
CANINE: Final = ToothForm(
    9.5, 15.5, 1, 1, 1.3,
    ((-9.8, 2.2), (-7.5, 3.2), (-5.5, 3.35), (-2.5, 2.8), (0, 2.5), (7, 2), (12.5, 1.2), (15, 0.6)),
    ((-9.8, 0.6), (-7, 2.0), (-3, 3.5), (0, 3.7), (7, 3.1), (12.5, 1.7), (15.5, 0.6)),
)  # fmt: skip
PREMOLAR: Final = ToothForm(
    8.2, 13.5, 1, 1, 1.2,
    ((-8, 2.6), (-6.6, 3.25), (-5, 3.4), (-2.5, 2.9), (0, 2.45), (5, 2.1), (10, 1.45), (13, 0.6)),
    ((-8, 2.6), (-6, 3.6), (-3, 4.1), (0, 3.7), (5, 3.2), (10, 2.1), (13.5, 0.6)),
)  # fmt: skip
MOLAR: Final = ToothForm(
    7.2, 12.5, 2, 2, 0.8,
    ((-7.2, 4.5), (-6, 5.1), (-4.5, 5.3), (-2, 4.8), (0, 4.35), (3, 4.2), (12.5, 4.0)),
    ((-7.2, 3.2), (-5.5, 4.3), (-3, 4.9), (0, 4.4), (3, 4.0), (9, 2.8), (12.5, 0.8)),
)  # fmt: skip


@dataclass(frozen=True)
class Root:
    """One root: its half axes at the neck, course of the axis, length, and taper (0..1)."""

    half_width: float
    half_depth: float
    offset: float
    lean: float
    bend: float
    length: float
    taper: float


@dataclass(frozen=True)
class Tooth:
    """One individual tooth on the film: local coordinates of its pixels, form, roots."""

    u: Floats
    v: Floats
    form: ToothForm
    roots: tuple[Root, ...]
    skew: float

    def lookup(self, knots: Knots) -> Floats:
        """A size that changes smoothly along the tooth, for each pixel."""
        at = np.arange(_TABLE_TOP, 20, _TABLE_STEP)
        table = np.interp(at, [v for v, _ in knots], [size for _, size in knots])
        kernel = np.hanning(41)
        padded = np.pad(table, 20, mode="edge")
        smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)
        index = ((self.v - np.float32(_TABLE_TOP)) * np.float32(1 / _TABLE_STEP)).astype(np.int32)
        return np.asarray(smooth[np.clip(index, 0, len(smooth) - 1)], np.float32)


def draw_roots(rng: np.random.Generator, form: ToothForm) -> tuple[Root, ...]:
    """Individual roots for one tooth."""
    neck = float(np.interp(0, [v for v, _ in form.width], [size for _, size in form.width]))
    deep = float(np.interp(0, [v for v, _ in form.depth], [size for _, size in form.depth]))
    if form.roots == 1:
        length = form.root * rng.uniform(0.88, 1.05)
        bend = rng.normal(0, 0.007)
        return (Root(neck, deep, 0, rng.normal(0, 0.02), bend, length, rng.uniform(0.5, 0.66)),)
    spread, half = rng.uniform(0.03, 0.15), neck * 0.5
    drift = rng.normal(0, 0.05)
    lengths = [form.root * rng.uniform(0.86, 1.03) for _ in range(2)]
    bends = [rng.uniform(-0.004, 0.016) for _ in range(2)]
    return tuple(
        Root(half, deep * 0.88, side * half, side * spread + drift, -side * bend, length, 0.5)
        for side, bend, length in zip((-1, 1), bends, lengths, strict=True)
    )


def root_axis(root: Root, v: Floats) -> Floats:
    """u of the middle of the root at v."""
    along = np.clip(v, 0, None)
    return np.asarray(root.offset + root.lean * along + root.bend * along**2, np.float32)


def _root_chord(tooth: Tooth, root: Root, extra: float = 0.0) -> Floats:
    run = np.clip(tooth.v / (root.length + extra), 0, 1)
    squared = run * run
    shape = (1 - root.taper * run * (0.35 + 0.65 * run)) * np.sqrt(1 - squared**4)
    width = root.half_width * shape + extra * np.clip(shape * 4, 0, 1)
    chord = ellipse_chord(
        tooth.u - root_axis(root, tooth.v), width, root.half_depth * shape + extra
    )
    return np.asarray(chord * (tooth.v >= 0), np.float32)


def _all_roots(tooth: Tooth, extra: float = 0.0) -> Floats:
    total = _root_chord(tooth, tooth.roots[0], extra)
    for root in tooth.roots[1:]:
        total = np.maximum(total, _root_chord(tooth, root, extra))
    return total


def _trunk(tooth: Tooth) -> Floats:
    """Undivided part of a molar's root above the furcation."""
    furcation = 3.6 - 0.3 * tooth.u * tooth.u
    below = np.clip((furcation - tooth.v) / 1.6 + 0.5, 0, 1)
    chord = ellipse_chord(tooth.u, tooth.lookup(tooth.form.width), tooth.lookup(tooth.form.depth))
    below = below * below * (3 - 2 * below) * (tooth.v >= 0)
    waist = 1 - 0.5 * np.exp(-((tooth.u / 1.3) ** 2)) * np.clip(tooth.v / 2.5, 0, 1)
    inside = below * waist
    return np.asarray(chord * inside, np.float32)


def _cusps(tooth: Tooth) -> Floats:
    """How far the chewing surface lies under the cusps, as a share of their height."""
    across = tooth.u / tooth.form.contact + 0.25 * tooth.skew
    if tooth.form.cusps == 2:
        return np.asarray(0.5 + 0.5 * np.cos(across * 2 * np.pi), np.float32)
    return np.asarray(np.minimum(across * across * (1.3 - 0.3 * across * across), 1.6), np.float32)


def crown_chord(tooth: Tooth, shrink: Floats | float = 0.0) -> Floats:
    """Path through the crown; `shrink` takes a layer of that thickness away."""
    form = tooth.form
    valley = form.cusp_height * _cusps(tooth)
    under = tooth.v + form.crown - valley - 0.03 * tooth.u**2 - 1.2 * shrink
    slope = np.clip(under / 2.6, 0, 1)
    rounding = np.sqrt(slope * (2 - slope))
    width = tooth.lookup(form.width) - shrink
    chord = ellipse_chord(tooth.u, width, (tooth.lookup(form.depth) - shrink) * rounding)
    return np.asarray(chord * (tooth.v < 0), np.float32)


def add_tooth(
    rng: np.random.Generator, scene: Scene, jaw: Jaw, place: Placement, form: ToothForm
) -> tuple[Tooth, tuple[slice, slice]] | None:
    """Draw one tooth with its socket; `place` is the middle of its neck (enamel meets cement).

    Gives the tooth and its pixels, or None when it lies outside the film.
    """
    window = scene.window(place, form.crown + 2, form.root + 2.5, form.contact + 3)
    u, v = scene.local(place, window)
    if not u.size:
        return None
    tooth = Tooth(u, v, form, draw_roots(rng, form), rng.normal(0, 0.3))
    root = _all_roots(tooth)
    _socket(rng, scene, jaw, window, tooth, root)
    thickness = rng.uniform(0.9, 1.3) * np.clip(-v / 3.5, 0, 1) ** 0.7
    crown, core = crown_chord(tooth), crown_chord(tooth, thickness)
    if form.roots > 1:
        root = np.maximum(root, _trunk(tooth))
    pulp = _pulp(rng, tooth)
    enamel = np.maximum(crown - core, 0)
    mineral = DENTINE * np.maximum(crown + root - pulp, 0) + (ENAMEL - DENTINE) * enamel
    scene.mineral[window] += mineral
    scene.soft[window] += pulp
    return tooth, window


def _pulp(rng: np.random.Generator, tooth: Tooth) -> Floats:
    """Chamber with horns, and canals that narrow towards the tips."""
    wide = rng.uniform(0.6, 1.25)
    form, u, v = tooth.form, tooth.u, tooth.v
    total = np.zeros_like(u)
    for root in tooth.roots:
        run = np.clip(v / (root.length - 0.3), 0, 1)
        canal = wide * (0.5 if form.roots == 1 else 0.36) * (1 - 0.82 * run) * (run < 1)
        offset = root_axis(root, v) * np.clip(v / 4.0 + 0.75, 0.3, 1)
        total = np.maximum(total, ellipse_chord(u - offset, canal, 3.2 * canal) * (v > -1.0))
    neck = tooth.lookup(form.width)
    top = -form.crown * 0.45 + 0.5 * np.cos(u * np.pi / (0.6 * form.contact)) * (form.roots > 1)
    half = wide * neck * (0.24 if form.roots == 1 else 0.5)
    floor = 1.8 if form.roots > 1 else 3.5
    fade = np.clip((v - top) / 1.3, 0, 1) * np.clip((floor - v) / 1.8, 0, 1)
    return np.maximum(total, ellipse_chord(u, half, wide * 1.1) * fade).astype(np.float32)


def _socket(
    rng: np.random.Generator,
    scene: Scene,
    jaw: Jaw,
    window: tuple[slice, slice],
    tooth: Tooth,
    root: Floats,
) -> None:
    """Bone gives way to root and periodontal ligament; a thin denser wall lines the socket.

    Both lines come and go along the root, as they do when the beam grazes the socket or not.
    """
    bone = jaw.presence[window]
    gap, wall = rng.uniform(0.14, 0.3), rng.uniform(0.2, 0.32)
    ligament = _all_roots(tooth, gap)
    lining = np.maximum(_all_roots(tooth, gap + wall) - ligament, 0)
    phase = [rng.uniform(0, 2 * np.pi) for _ in range(2)]
    comes = 0.55 + 0.45 * np.sin(tooth.v * rng.uniform(0.3, 0.7) + np.sign(tooth.u) + phase[0])
    goes = 0.6 + 0.4 * np.sin(tooth.v * rng.uniform(0.3, 0.7) - np.sign(tooth.u) + phase[1])
    scene.mineral[window] += bone * rng.uniform(0.25, 0.5) * comes * lining
    removed = rng.uniform(0.36, 0.5) * root + goes * 0.36 * np.maximum(ligament - root, 0)
    scene.mineral[window] -= np.minimum(bone * removed, scene.mineral[window] * 0.7)
