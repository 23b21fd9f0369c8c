"""Old dentistry in the neighbouring teeth: fillings, crowns, root fillings and posts."""

from typing import Final

import numpy as np

from implants.demo.scene import Floats, Scene, ellipse_chord
from implants.demo.teeth import Tooth, crown_chord, root_axis

AMALGAM: Final = 3.0
COMPOSITE: Final = 0.22
GUTTA_PERCHA: Final = 0.55
CASTING: Final = 8.0
POST: Final = 1.0


def treat(
    rng: np.random.Generator, scene: Scene, window: tuple[slice, slice], tooth: Tooth
) -> None:
    """Give some teeth a filling, some a crown, and a few of the crowned ones a root filling."""
    metal = scene.metal[window]
    kind = rng.random()
    if kind < 0.3:
        _fill(rng, metal, tooth, AMALGAM if kind < 0.12 else COMPOSITE)
    elif kind < 0.42:
        height = np.clip((-rng.uniform(0.2, 1.2) - 0.2 * np.cos(tooth.u) - tooth.v) / 0.25, 0, 1)
        metal += CASTING * np.minimum(crown_chord(tooth) * height, 1.5)
    if 0.32 < kind < 0.42:
        _fill_roots(rng, metal, tooth)


def _fill(rng: np.random.Generator, metal: Floats, tooth: Tooth, density: float) -> None:
    """A filling from the chewing surface, often reaching one contact."""
    form = tooth.form
    waves = [rng.uniform(0, 2 * np.pi) for _ in range(3)]
    across = tooth.u - rng.uniform(-0.75, 0.75) * form.contact
    along = tooth.v + form.crown
    half = rng.uniform(0.3, 0.6) * form.contact * (1 + 0.18 * np.sin(along * 1.3 + waves[0]))
    deep = rng.uniform(0.28, 0.5) * form.crown * (1 + 0.15 * np.sin(tooth.u * 1.4 + waves[1]))
    ragged = 0.08 * np.sin(tooth.u * 3.9 + along * 2.7 + waves[2])
    reach = (np.abs(across) / half) ** 3 + (np.clip(along, 0, None) / deep) ** 3
    inside = np.clip((1 + ragged - reach) / 0.25, 0, 1)
    metal += density * inside * np.minimum(crown_chord(tooth), 3.0)


def _fill_roots(rng: np.random.Generator, metal: Floats, tooth: Tooth) -> None:
    """Gutta-percha in each canal; now and then a tapered post above it."""
    for number, root in enumerate(tooth.roots):
        end = root.length - rng.uniform(0.4, 2.0)
        run = np.clip(tooth.v / end, 0, 1)
        inside = np.clip((tooth.v + 0.5) / 0.8, 0, 1) * (run < 1)
        canal = 0.42 * (1 - 0.6 * run)
        wavy = 0.06 * np.sin(tooth.v * 1.7 + rng.uniform(0, 6))
        off = tooth.u - root_axis(root, tooth.v) - wavy
        metal += GUTTA_PERCHA * inside * ellipse_chord(off, canal, canal * 1.2)
        if number == 0 and rng.random() < 0.35:
            width = 0.75 - 0.045 * np.clip(tooth.v + 2, 0, None)
            post = np.clip((root.length * 0.5 - tooth.v) / 0.6, 0, 1) * (tooth.v > -3)
            metal += POST * post * ellipse_chord(off, width, width)
