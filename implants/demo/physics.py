"""From path lengths to grey values: Beer-Lambert, scatter, blur, noise, and the display curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from implants.demo.scene import Floats, Scene

# A 65-70 kV dental beam in three energies (30, 40, 55 keV): share of the detected signal, and
# linear attenuation in 1/mm of soft tissue, cortical bone and titanium (NIST XCOM, rounded).
SPECTRUM: tuple[tuple[float, float, float, float], ...] = (
    (0.35, 0.038, 0.256, 2.20),
    (0.40, 0.027, 0.128, 1.00),
    (0.25, 0.022, 0.070, 0.45),
)

# Pixels added around the film, so that the periodic transform doesn't carry one edge to the other.
_EDGE = 16


@dataclass(frozen=True)
class Exposure:
    """Settings of tube and detector. `quanta` is the photon count per open pixel; `low`..`high`
    the window of the display on the scale 0 (unattenuated) .. 1 (opaque)."""

    blur_mm: float = 0.09
    scatter: float = 0.02
    quanta: float = 9000.0
    gamma: float = 0.6
    low: float = 0.05
    high: float = 0.96


def transmission(soft: Floats, mineral: Floats, metal: Floats) -> Floats:
    """Share of the beam that passes, 0..1, for path lengths in mm (Beer-Lambert per energy)."""
    total = np.zeros_like(soft)
    for share, mu_soft, mu_mineral, mu_metal in SPECTRUM:
        exponent = soft * np.float32(-mu_soft)
        exponent -= mineral * np.float32(mu_mineral)
        exponent -= metal * np.float32(mu_metal)
        total += np.float32(share) * np.exp(exponent)
    return total


def spread(beam: Floats, pixel: float, exposure: Exposure) -> Floats:
    """Unsharpness of focal spot and detector, plus the wide veil of scattered radiation."""
    padded = np.pad(beam, _EDGE, mode="edge")
    height, width = padded.shape
    fy = np.fft.fftfreq(height, pixel)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(width, pixel)[None, :].astype(np.float32)
    squared = (fx * fx + fy * fy) * np.float32(-2 * np.pi**2)
    sharp = np.exp(squared * np.float32(exposure.blur_mm**2))
    veil = np.exp(squared * np.float32(3.0**2))
    gain = np.float32(1 - exposure.scatter) * sharp + np.float32(exposure.scatter) * veil
    result = np.fft.irfft2(np.fft.rfft2(padded) * gain, s=padded.shape)
    result = result[_EDGE:-_EDGE, _EDGE:-_EDGE]
    return np.asarray(np.clip(result, 1e-5, None), dtype=np.float32)


def expose(rng: np.random.Generator, scene: Scene, exposure: Exposure) -> Floats:
    """Display value 0 (black) .. 1 (white) for each pixel."""
    beam = spread(transmission(scene.soft, scene.mineral, scene.metal), scene.pixel, exposure)
    noise = rng.standard_normal(beam.shape, dtype=np.float32)
    beam += noise * np.sqrt(beam / np.float32(exposure.quanta))
    np.clip(beam, 1e-5, 1, out=beam)
    value = 1 - beam ** np.float32(exposure.gamma)
    value = (value - np.float32(exposure.low)) / np.float32(exposure.high - exposure.low)
    return np.clip(value, 0, 1)


def quantise(value: Floats) -> NDArray[np.uint8]:
    """Display values 0..1 as 8-bit grey."""
    return np.asarray(value * np.float32(255) + np.float32(0.5)).clip(0, 255).astype(np.uint8)
