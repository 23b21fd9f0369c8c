"""How an encoder's vectors of some films spread: statistics of them all, no film's own vector."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from implants.benchmark.distribution import MIN_VECTORS, Floats, covariance
from implants.encoders.bundle import DIMENSIONS

_DIGITS = 6
_KEYS = {"encoder", "version", "films", "mean", "variances"}


class SpectrumError(Exception):
    """Nothing to measure a search by; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How `films` vectors of an encoder (its name and `Encoder.version`) lie.

    `variances` (512,): along the axes of their covariance, greatest first; `mean` (512,): by the
    same axes. Which axes these are is not kept.
    """

    encoder: str
    version: str
    films: int
    mean: Floats
    variances: Floats

    def to_dict(self) -> dict[str, Any]:
        """As it is written, with six significant digits."""
        return {
            "encoder": self.encoder,
            "version": self.version,
            "films": self.films,
            "mean": _rounded(self.mean),
            "variances": _rounded(self.variances),
        }


def spectrum_of(vectors: Floats, encoder: str, version: str) -> Spectrum:
    """The spectrum of `vectors` (n, 512); raises `SpectrumError` below 50."""
    if len(vectors) < MIN_VECTORS:
        raise SpectrumError(f"{len(vectors)} different films: at least {MIN_VECTORS} are needed.")
    wide = vectors.astype(np.float64)
    mean = wide.mean(axis=0)
    values, axes = np.linalg.eigh(covariance(wide - mean, len(wide) - 1))
    return Spectrum(encoder, version, len(wide), (mean @ axes)[::-1], np.maximum(values[::-1], 0.0))


def read_spectrum(file: Path, encoder: str, version: str) -> Spectrum:
    """What `measure_spectrum` wrote for this encoder.

    Raises `SpectrumError` when it is another file, or another encoder's or version's.
    """
    try:
        found = _parsed(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SpectrumError(f"{file} can't be read ({error.strerror}).") from error
    except (ValueError, TypeError) as error:
        raise SpectrumError(f"{file} is nothing that measure_spectrum wrote ({error}).") from error
    if (found.encoder, found.version) != (encoder, version):
        raise SpectrumError(
            f"{file} is of the encoder {found.encoder} ({found.version}), not of {encoder}"
            f" ({version}): run “manage.py measure_spectrum” anew."
        )
    return found


def _parsed(values: Any) -> Spectrum:
    if not isinstance(values, Mapping) or values.keys() != _KEYS:
        raise ValueError(f"it has not the keys {', '.join(sorted(_KEYS))}")
    if type(values["films"]) is not int or values["films"] < MIN_VECTORS:
        raise ValueError(f"films is not a number from {MIN_VECTORS}")
    mean, variances = _numbers(values, "mean"), _numbers(values, "variances")
    if variances.min() < 0 or variances.max() == 0:
        raise ValueError("variances are negative, or all zero")
    return Spectrum(
        str(values["encoder"]), str(values["version"]), values["films"], mean, variances
    )


def _numbers(values: Mapping[str, Any], key: str) -> Floats:
    found = np.array(values[key], dtype=np.float64)
    if found.shape != (DIMENSIONS,) or not np.isfinite(found).all():
        raise ValueError(f"{key} is not {DIMENSIONS} numbers")
    return found


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]
