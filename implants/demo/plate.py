"""The film itself: outline of the plate, its bright rim, the holder, and a badly aimed beam."""

import math
from dataclasses import dataclass

import numpy as np

from implants.demo.scene import Floats, Placement, Scene


@dataclass(frozen=True)
class Plate:
    """A receptor of `width` x `height` mm on the canvas, turned by `tilt` radians.

    `corner` is the radius of its corners; 0 is a rectangular sensor that fills the canvas.
    """

    width: float
    height: float
    tilt: float
    corner: float

    def canvas_mm(self) -> tuple[float, float]:
        """Width and height of the smallest upright canvas around the plate."""
        sine, cosine = abs(np.sin(self.tilt)), abs(np.cos(self.tilt))
        saved = 2 * self.corner * (sine + cosine - 1)
        return (
            self.width * cosine + self.height * sine - saved,
            self.width * sine + self.height * cosine - saved,
        )


def choose_plate(rng: np.random.Generator) -> Plate:
    """Phosphor plate with round corners, mostly, or a sensor; upright, mostly, or lying."""
    width, height = rng.uniform(30.0, 32.0), rng.uniform(35.5, 40.5)
    if rng.random() < 0.3:
        width, height = height, width
    if rng.random() < 0.35:
        return Plate(width, height, 0.0, 0.0)
    return Plate(
        width, height, float(np.clip(rng.normal(0, 0.15), -0.28, 0.28)), rng.uniform(4.0, 7.5)
    )


def inner_distance(scene: Scene, plate: Plate) -> Floats:
    """Distance in mm from each pixel to the edge of the plate, negative outside."""
    middle = Placement(scene.width_mm / 2, scene.height_mm / 2, plate.tilt)
    u, v = scene.local(middle, (slice(None), slice(None)))
    across = np.abs(u) - (plate.width / 2 - plate.corner)
    along = np.abs(v) - (plate.height / 2 - plate.corner)
    outside = np.hypot(np.maximum(across, 0), np.maximum(along, 0))
    return np.asarray(plate.corner - outside - np.minimum(np.maximum(across, along), 0), np.float32)


def frame(rng: np.random.Generator, scene: Scene, plate: Plate, value: Floats) -> Floats:
    """Cut the picture to the plate: black around it, a rim that is bright here and there."""
    if plate.corner == 0:
        return value
    distance = inner_distance(scene, plate)
    direction = rng.uniform(0, 2 * np.pi)
    x = scene.columns[None, :] / scene.width_mm - 0.5
    y = scene.rows / scene.height_mm - 0.5
    towards = np.clip(0.35 + 1.6 * (x * math.cos(direction) + y * math.sin(direction)), 0, 1)
    strength, reach = rng.uniform(0.3, 0.9), rng.uniform(0.12, 0.7)
    rim = strength * towards * np.exp(-np.clip(distance, 0, None) / reach)
    inside = np.clip(distance / scene.pixel + 0.5, 0, 1)
    return np.asarray(np.clip(value + rim, 0, 1) * inside, np.float32)


def add_holder(rng: np.random.Generator, scene: Scene, occlusal: float) -> None:
    """Bite block of the film holder, resting on the crowns at `occlusal` mm: plastic, with a
    round recess."""
    x = rng.uniform(0.35, 0.65) * scene.width_mm
    place = Placement(x, occlusal - rng.uniform(0.2, 1.2), rng.normal(0, 0.06))
    window = scene.window(place, 6.0, 2.0, 14.0)
    u, v = scene.local(place, window)
    half, thick = rng.uniform(6.0, 10.5), rng.uniform(1.4, 2.2)
    bar = _box(u, v + thick / 2, half, thick / 2)
    ring = np.abs(np.hypot(u - rng.uniform(-2, 2), v + thick) - 1.3)
    upper = _box(u - rng.uniform(-2, 2), v + thick + 1.6, half * 0.5, 1.6)
    scene.soft[window] += rng.uniform(7.0, 16.0) * bar + rng.uniform(3.0, 7.0) * upper
    scene.soft[window] -= 6.0 * bar * np.clip((0.35 - ring) / 0.12, 0, 1)


def add_metal_arm(rng: np.random.Generator, scene: Scene, tilt: float) -> None:
    """The steel arm of the holder, just reaching over the edge of the plate."""
    place = Placement(rng.uniform(0.15, 0.85) * scene.width_mm, 0.0, tilt)
    window = scene.window(place, 4.0, 4.0, 8.0)
    u, v = scene.local(place, window)
    slope = v - rng.uniform(-0.12, 0.12) * u
    scene.metal[window] += 6.0 * _box(u, slope, rng.uniform(1.5, 6.0), rng.uniform(0.6, 2.2))


def _box(u: Floats, v: Floats, half_width: float, half_height: float) -> Floats:
    inside = np.minimum(half_width - np.abs(u), half_height - np.abs(v)) / 0.15
    return np.asarray(np.clip(inside, 0, 1), np.float32)


def cone_cut(rng: np.random.Generator, scene: Scene, value: Floats) -> Floats:
    """The round collimator missed one corner: unexposed, so white."""
    side = rng.choice([-1.0, 1.0])
    radius = rng.uniform(27.0, 32.0)
    centre_x = scene.width_mm / 2 + side * rng.uniform(10.0, 14.0)
    centre_y = scene.height_mm / 2 + rng.uniform(-6.0, 10.0)
    distance = np.hypot(scene.columns[None, :] - centre_x, scene.rows - centre_y) - radius
    missed = np.clip(distance / 0.9 + 0.5, 0, 1)
    return np.asarray(value + (0.97 - value) * missed, np.float32)
