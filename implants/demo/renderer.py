"""One demo film: a system, seen in one view."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from implants.demo import bone, dentistry, plate, restoration, teeth
from implants.demo.geometry import Geometry
from implants.demo.layout import Layout, Neighbour, arrange
from implants.demo.physics import Exposure, expose, quantise
from implants.demo.scene import Floats, Placement, Scene
from implants.demo.solid import STEP, Pose, cast
from implants.demo.systems import DemoSystem

VIEWS: Final = restoration.RESTORATIONS
"""Names of the views: what stands on the implant. Jaw, neighbours and aim vary with the seed."""

_BODY_EDGE_MM = 0.25


@dataclass(frozen=True)
class RenderedFilm:
    """A film, uint8 (height, width), white where the beam was stopped. `region` is the box
    (x, y, width, height) of the implant body, in parts (0..1) of the image."""

    image: NDArray[np.uint8]
    region: tuple[float, float, float, float]
    diameter_mm: float
    length_mm: float


def render_film(system: DemoSystem, view: str, *, query: bool = False) -> RenderedFilm:
    """Render `system` in `view` (one of VIEWS).

    The same arguments give the same picture. `query` films stand for films of patients: drawn
    from seeds of their own, with wider beam angles, they are never part of the catalogue.
    """
    if view not in VIEWS:
        raise ValueError(f"unknown view: {view}")
    purpose = "query" if query else "catalogue"
    rng = _generator(purpose, system.manufacturer, system.name, view)
    geometry = system.geometry
    size = float(rng.choice(geometry.diameters)), float(rng.choice(geometry.lengths))
    steepest = np.radians(10.0 if query else 7.0)
    receptor = plate.choose_plate(rng)
    scene = _scene(rng, receptor)
    layout = arrange(rng, scene, geometry, size, view)
    _add_anatomy(rng, scene, layout)
    body = _add_implants(rng, scene, layout, geometry, size, rng.uniform(-steepest, steepest))
    _add_holder(rng, scene, layout)
    image, region = _develop(rng, scene, receptor), _region(body)
    if layout.upper and rng.random() < 0.85:  # unless somebody hung it the wrong way up
        image, region = np.ascontiguousarray(image[::-1, ::-1]), _turned(region)
    return RenderedFilm(image, region, *size)


def _generator(*names: str) -> np.random.Generator:
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _scene(rng: np.random.Generator, receptor: plate.Plate) -> Scene:
    width, height = receptor.canvas_mm()
    pixel = float(rng.choice([0.050, 0.054, 0.060]))
    # Multiples of 16: small factors keep the Fourier transforms fast.
    rows, columns = (16 * round(size / pixel / 16) for size in (height, width))
    return Scene(rows, columns, pixel)


def _add_anatomy(rng: np.random.Generator, scene: Scene, layout: Layout) -> None:
    jaw = bone.add_jaw(rng, scene, bone.crest_line(rng, scene.columns, layout.ridge))
    if rng.random() < 0.5:
        bone.add_fossa(rng, scene, jaw)
    choice, roof = rng.random(), scene.height_mm * rng.uniform(0.76, 0.88)
    if layout.upper and choice < 0.6:
        bone.add_sinus(rng, scene, jaw, roof)
    elif not layout.upper and choice < 0.4:
        bone.add_canal(rng, scene, jaw, roof)
    elif not layout.upper and choice < 0.7:
        bone.add_oblique_ridge(rng, scene, jaw)
    for neighbour in layout.teeth:
        _add_tooth(rng, scene, jaw, neighbour)


def _add_tooth(rng: np.random.Generator, scene: Scene, jaw: bone.Jaw, tooth: Neighbour) -> None:
    crest = float(np.interp(tooth.x, scene.columns, jaw.crest))
    place = Placement(tooth.x, crest - rng.uniform(0.7, 2.0), tooth.lean)
    drawn = teeth.add_tooth(rng, scene, jaw, place, tooth.form)
    if drawn:
        dentistry.treat(rng, scene, drawn[1], drawn[0])


def _add_implants(
    rng: np.random.Generator,
    scene: Scene,
    layout: Layout,
    geometry: Geometry,
    size: tuple[float, float],
    vertical: float,
) -> Floats:
    """Draw the implants with what stands on them; gives the path lengths in the first body."""
    bodies = []
    for implant in layout.implants:
        shadow = cast(geometry, *size, Pose(vertical, rng.uniform(0, 2 * np.pi)))
        bodies.append(scene.paste(shadow.body, implant.place, shadow.top, shadow.left, STEP))
        filling = scene.paste(shadow.filling, implant.place, shadow.top, shadow.left, STEP)
        bone.displace(scene, bodies[-1])
        scene.metal += bodies[-1] + filling
        restoration.add_restoration(rng, scene, implant.place, implant.build)
    return bodies[0]


def _add_holder(rng: np.random.Generator, scene: Scene, layout: Layout) -> None:
    if rng.random() < 0.55:
        plate.add_holder(rng, scene, layout.occlusal)
    if rng.random() < 0.2:
        plate.add_metal_arm(rng, scene, rng.normal(0, 0.1))


def _develop(rng: np.random.Generator, scene: Scene, receptor: plate.Plate) -> NDArray[np.uint8]:
    exposure = Exposure(
        blur_mm=rng.uniform(0.06, 0.11),
        scatter=rng.uniform(0.01, 0.04),
        quanta=rng.uniform(2500, 12000),
        gamma=rng.uniform(0.42, 0.64),
        low=rng.uniform(0.04, 0.16),
        high=rng.uniform(0.86, 0.96),
    )
    value = expose(rng, scene, exposure)
    if rng.random() < 0.04:
        value = plate.cone_cut(rng, scene, value)
    return quantise(plate.frame(rng, scene, receptor, value))


def _region(body: Floats) -> tuple[float, float, float, float]:
    """Box around the body of the implant, in parts of the image."""
    height, width = body.shape
    rows = np.flatnonzero((body > _BODY_EDGE_MM).any(axis=1))
    columns = np.flatnonzero((body > _BODY_EDGE_MM).any(axis=0))
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] - columns[0] + 1) / width),
        float((rows[-1] - rows[0] + 1) / height),
    )


def _turned(region: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, width, height = region
    return (1 - x - width, 1 - y - height, width, height)
