"""Jaw bone, its trabecular network, and the soft tissue in front of it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from implants.demo.scene import Floats, Scene, ellipse_chord

_COARSE = 2


@dataclass(frozen=True)
class Jaw:
    """Crest height y(x) in mm per column, and where there is bone at all (0..1 per pixel)."""

    crest: Floats
    presence: Floats


@dataclass(frozen=True)
class Band:
    """Wavelengths (mm) of a random field, longer by `stretch` along `angle` (radians)."""

    shortest: float
    longest: float
    stretch: float = 1.0
    angle: float = 0.0


def band_noise(
    rng: np.random.Generator, shape: tuple[int, int], pixel: float, band: Band
) -> tuple[Floats, Floats]:
    """Two independent random fields of unit variance with the wavelengths of `band`."""
    fy = np.fft.fftfreq(shape[0], pixel).astype(np.float32)[:, None]
    fx = np.fft.fftfreq(shape[1], pixel).astype(np.float32)[None, :]
    sine, cosine = np.float32(np.sin(band.angle)), np.float32(np.cos(band.angle))
    along = (fx * cosine + fy * sine) * np.float32(np.sqrt(band.stretch))
    across = (fy * cosine - fx * sine) / np.float32(np.sqrt(band.stretch))
    octave = np.log(np.maximum(along * along + across * across, 1e-8)) / 2
    centre = -np.log(band.shortest * band.longest) / 2
    width = np.log(band.longest / band.shortest) / 2
    gain = np.exp(np.float32(-0.5 / width**2) * (octave - np.float32(centre)) ** 2)
    real = rng.standard_normal(shape, dtype=np.float32)
    spectrum = (real + 1j * rng.standard_normal(shape, dtype=np.float32)) * gain
    field = np.fft.ifft2(spectrum)
    return _unit(field.real), _unit(field.imag)


def _unit(field: NDArray[np.floating]) -> Floats:
    return np.asarray(field / field.std(), dtype=np.float32)


def trabeculae(rng: np.random.Generator, shape: tuple[int, int], pixel: float) -> Floats:
    """Network of struts seen in projection, mean 0, unit variance.

    The zero lines of a band-limited random field close up into irregular cells, which is what
    struts around marrow spaces do; several layers lie behind each other in a jaw.
    """
    total = np.zeros(shape, np.float32)
    size, angle = rng.uniform(0.85, 1.3), rng.normal(0, 0.5)
    dim = (shape[0] // 4, shape[1] // 4)
    for shortest, stretch, weight in ((1.9, 1.6, 1.0), (1.25, 3.5, 0.9), (0.8, 1.5, 0.35)):
        band = Band(shortest * size, 2 * shortest * size, stretch, angle)
        layers, share = band_noise(rng, shape, pixel, band), rng.uniform(0.5, 1.3)
        strengths = band_noise(rng, dim, pixel * 4, Band(3.0, 9.0))
        for layer, strength in zip(layers, strengths, strict=True):
            visible = np.clip(0.6 + 0.55 * grow(strength, shape), 0.05, None)
            struts = np.exp(np.abs(layer) * np.float32(-1 / 0.42))
            total += weight * share * visible * (struts - 0.6 * struts.mean())
        angle += rng.uniform(0.6, 1.6)
    marrow, _ = band_noise(rng, shape, pixel, Band(0.7, 7.0))
    total = _unit(total - total.mean())
    return _unit(1.7 * np.tanh(np.where(total < 0, 0.7 * total, total) / 1.7) + 0.45 * marrow)


def grow(coarse: Floats, shape: tuple[int, int]) -> Floats:
    """Enlarge a coarse map to the film, smoothly."""
    image = Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32)


@dataclass(frozen=True)
class Ridge:
    """Where the crest runs: `level` mm at the implant (at `implant_x`), falling by `slope`,
    higher by `rise` mm around the teeth, whose extents along x are `teeth`; `crater` mm of bone
    are lost at the implant."""

    level: float
    implant_x: float
    crater: float
    rise: float
    slope: float
    teeth: tuple[tuple[float, float], ...]


def crest_line(rng: np.random.Generator, x: Floats, ridge: Ridge) -> Floats:
    """Height of the alveolar crest for each x: gently uneven, drawn up along the teeth."""
    line = ridge.level + np.float32(ridge.slope) * (x - np.float32(ridge.implant_x))
    for wavelength, amplitude in ((38.0, 0.9), (15.0, 0.4), (6.0, 0.2), (2.3, 0.07)):
        phase = rng.uniform(0, 2 * np.pi)
        line += amplitude * rng.uniform(0.4, 1) * np.sin(2 * np.pi * x / wavelength + phase)
    near = np.exp(-(((x - ridge.implant_x) / 6.0) ** 2))
    line += (ridge.level - np.interp(ridge.implant_x, x, line)) * near
    fall = rng.uniform(2.0, 4.5)
    drawn = np.zeros_like(x)
    for first, last in ridge.teeth:
        away = np.clip(np.maximum(first - x, x - last), 0, None) / fall
        drawn = np.maximum(drawn, np.clip(1 - away, 0, 1) ** 1.5)
    away = np.abs(x - ridge.implant_x)
    line -= ridge.rise * drawn * np.clip((away - 2.4) / 2.0, 0, 1)
    side = np.where(x < ridge.implant_x, rng.uniform(0.5, 1.4), rng.uniform(0.5, 1.4))
    line += ridge.crater * side * np.exp(-((away / rng.uniform(2.7, 3.6)) ** 4))
    return line.astype(np.float32)


def add_jaw(rng: np.random.Generator, scene: Scene, crest: Floats) -> Jaw:
    """Cortical plates, spongiosa and the soft tissue of cheek and gingiva."""
    shape = (scene.height, scene.width)
    below = scene.rows - crest[None, :]
    presence = np.clip(below / rng.uniform(0.4, 1.0) + 0.5, 0, 1)
    widening = 1 - np.exp(-np.clip(below, 0, None) / rng.uniform(3.0, 10.0))
    coarse = (scene.height // _COARSE, scene.width // _COARSE)
    network = grow(trabeculae(rng, coarse, scene.pixel * _COARSE), shape)
    cloud, density = _clouds(rng, scene)
    plates = rng.uniform(2.0, 4.2) * (0.2 + 0.8 * widening) * (0.3 + 0.7 * density)
    spongy = rng.uniform(2.2, 3.8) * (0.35 + 0.65 * widening) * density
    coarseness = rng.uniform(0.13, 0.27) * np.clip(1.3 - 0.3 * cloud - 0.035 * below, 0.3, 1.5)
    rim = rng.uniform(0.0, 0.7) * np.exp(-(((below - 0.35) / 0.3) ** 2))
    scene.mineral += presence * (plates + spongy * (1 + coarseness * network + 0.05 * cloud) + rim)
    _add_soft_tissue(rng, scene, crest)
    return Jaw(crest, presence.astype(np.float32))


def _clouds(rng: np.random.Generator, scene: Scene) -> tuple[Floats, Floats]:
    """Uneven marrow (about unit variance), and how the density of the jaw runs over the film."""
    shape = (scene.height, scene.width)
    small = (scene.height // 8, scene.width // 8)
    fine, _ = band_noise(rng, small, scene.pixel * 8, Band(2.5, 14.0))
    wide, wider = band_noise(rng, small, scene.pixel * 8, Band(16.0, 60.0, 1.6, rng.normal(0, 0.4)))
    direction, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.0)
    x = scene.columns[None, :] / scene.width_mm - 0.5
    y = scene.rows / scene.height_mm - 0.5
    ramp = 1 + strength * (x * math.cos(direction) + y * math.sin(direction))
    lumps = grow(wide + 0.6 * wider, shape) * np.float32(rng.uniform(0.1, 0.22))
    return grow(fine, shape), np.clip(ramp + lumps, 0.35, 1.9).astype(np.float32)


def _add_soft_tissue(rng: np.random.Generator, scene: Scene, crest: Floats) -> None:
    """Gingiva thins out above the crest; cheek or lip lies over everything."""
    gum_height, gum = rng.uniform(2.5, 5.0), rng.uniform(5.0, 8.0)
    kernel = np.hanning(2 * int(4.0 / scene.pixel) + 1)
    padded = np.pad(crest, len(kernel) // 2, mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)
    below = scene.rows - smooth[None, :]
    run = np.clip((below + gum_height) / gum_height, 0, 1)
    gingiva = run * run * (3 - 2 * run)
    cheek, slope = rng.uniform(3.0, 14.0), rng.uniform(-0.2, 0.2)
    shade = slope * (scene.columns - scene.width_mm / 2)[None, :]
    rise = rng.uniform(0.0, 0.2) * np.clip(below + 12, 0, 16)
    scene.soft += np.clip(cheek + shade + rise, 0.5, None) + gum * gingiva


def add_canal(rng: np.random.Generator, scene: Scene, jaw: Jaw, roof: float) -> None:
    """Mandibular canal: a dark band between two thin bright lines, below `roof` mm."""
    x = scene.columns
    middle = roof + rng.uniform(1.5, 4.0) + rng.uniform(-0.12, 0.12) * (x - x.mean())
    middle = middle + 0.5 * np.sin(x / rng.uniform(5, 9) + rng.uniform(0, 6))
    off = np.abs(scene.rows - middle[None, :])
    half = rng.uniform(1.0, 1.5)
    scene.mineral -= jaw.presence * rng.uniform(0.6, 1.3) * ellipse_chord(off, half, 0.5)
    wall = np.exp(-(((off - half) / 0.22) ** 2))
    scene.mineral += jaw.presence * rng.uniform(0.1, 0.4) * wall


def add_sinus(rng: np.random.Generator, scene: Scene, jaw: Jaw, roof: float) -> None:
    """Maxillary sinus (drawn below, the film is turned over later): air behind a thin cortex."""
    x = scene.columns
    centre = rng.uniform(0.2, 0.8) * scene.width_mm
    spread = rng.uniform(7.0, 13.0)
    floor = roof + rng.uniform(0.2, 1.5) + 5.0 * np.clip(np.abs(x - centre) / spread, 0, 2.5) ** 2
    floor = floor + 0.5 * np.sin(x / 2.3 + rng.uniform(0, 6))
    depth = scene.rows - floor[None, :]
    air = np.clip(depth / 2.5, 0, 1) * np.clip(depth / 0.3 + 0.5, 0, 1)
    scene.mineral *= 1 - rng.uniform(0.3, 0.45) * air
    scene.mineral += rng.uniform(0.5, 1.0) * np.exp(-((depth / 0.25) ** 2)) * jaw.presence


def add_fossa(rng: np.random.Generator, scene: Scene, jaw: Jaw) -> None:
    """A hollow of the jaw, or just its thinner part: darker beyond a soft, slanting border."""
    slant, bow = rng.normal(0, 0.25), rng.normal(0, 0.012)
    off = scene.columns - scene.width_mm / 2
    border = scene.height_mm * rng.uniform(0.5, 0.8) + slant * off + bow * off**2
    run = np.clip((scene.rows - border[None, :]) / rng.uniform(3.0, 9.0), 0, 1)
    scene.mineral *= 1 - jaw.presence * rng.uniform(0.2, 0.42) * run * run * (3 - 2 * run)
    dense = np.exp(-(((scene.rows - border[None, :]) / rng.uniform(1.5, 4.0)) ** 2))
    scene.mineral += jaw.presence * rng.uniform(0.0, 1.4) * dense


def add_oblique_ridge(rng: np.random.Generator, scene: Scene, jaw: Jaw) -> None:
    """External oblique ridge: the bone gets denser towards one lower corner."""
    side = scene.columns if rng.random() < 0.5 else scene.width_mm - scene.columns
    over = side[None, :] * rng.uniform(0.35, 0.8) + scene.rows - scene.height_mm
    edge = rng.uniform(-4.0, 6.0)
    scene.mineral += jaw.presence * rng.uniform(1.5, 4.0) * np.clip((over - edge) / 6.0, 0, 1)


def displace(scene: Scene, chord: Floats) -> None:
    """Bone gives way to what was put into it (`chord` in mm over the whole film)."""
    scene.mineral -= np.minimum(chord * np.float32(0.22), scene.mineral * np.float32(0.6))
