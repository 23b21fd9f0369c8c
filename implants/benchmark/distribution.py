"""Vectors like an encoder's own, as many as wanted: fitted to those in the catalogue.

A vector is mean + implant + film, both normally distributed, on the unit sphere: how much two films
of one implant differ, and how much implants do, are the catalogue's own covariances. Few films
span few dimensions of 512 only, which would make search easier than it is; so each covariance is
shrunk towards a sphere, by as much as the number of films makes it uncertain: by a share s that
Ledoit and Wolf estimate (2004, "A well-conditioned estimator for large-dimensional covariance
matrices"), but what departs from the sphere is kept by sqrt(1 - s), not by their 1 - s. Theirs is
nearest to the true matrix, and flatter than it; how hard a search is hangs on how far the spectrum
departs from a flat one. (1 - s) of the sample's squared departure is the true one's, the rest is
chance; so by sqrt(1 - s) the spectrum spreads as much as the true one does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
_CHUNK = 50_000
MIN_VECTORS = 50
MIN_IMPLANTS = 10
_LARGEST_SIZE = 500


class TooFewVectors(Exception):
    """The catalogue says too little about how the encoder's vectors lie."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How vectors lie: `mean` (512,); `between` and `within` (512, 512), factors of covariances."""

    mean: Floats
    between: Floats
    within: Floats

    def implants(self, rng: np.random.Generator, count: int) -> Floats:
        """The middles of `count` implants, (count, 512)."""
        return self.mean + _normal(rng, count, self.between)

    def films(self, rng: np.random.Generator, middles: Floats, owners: NDArray) -> Floats:
        """One film for each of `owners` (indices of `middles`): unit vectors (n, 512), float32."""
        vectors = np.empty((len(owners), len(self.mean)), dtype=np.float32)
        for start in range(0, len(owners), _CHUNK):
            part = owners[start : start + _CHUNK]
            drawn = middles[part] + _normal(rng, len(part), self.within)
            vectors[start : start + _CHUNK] = _unit(drawn)
        return vectors


def fit(vectors: Floats, owners: NDArray) -> Distribution:
    """The distribution of the films' `vectors` (n, 512), whose implants are `owners` (n,).

    Raises `TooFewVectors` below 50 films, or 10 implants with two films or more.
    """
    _, implant_of, counts = np.unique(owners, return_inverse=True, return_counts=True)
    if len(vectors) < MIN_VECTORS or (counts > 1).sum() < MIN_IMPLANTS:
        raise TooFewVectors(
            f"{len(vectors)} vectors, {(counts > 1).sum()} implants with two or more: "
            f"{MIN_VECTORS} and {MIN_IMPLANTS} are needed."
        )
    sums = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(sums, implant_of, vectors)
    deviations = vectors - (sums / counts[:, None])[implant_of]
    mean = vectors.mean(axis=0)
    within = covariance(deviations, len(vectors) - len(counts))
    total = covariance(vectors - mean, len(vectors) - 1)
    # The traces are unbiased, the difference of two shrunk matrices is not: its shape counts.
    between = _factor(total - within)
    share = max(np.trace(total) - np.trace(within), 0.0) / max((between**2).sum(), 1e-12)
    return Distribution(mean, between * np.sqrt(share), _factor(within))


def with_spectrum(fitted: Distribution, mean: Floats, variances: Floats) -> Distribution:
    """Vectors round `mean` (512,), with `variances` (512,) along the axes.

    Only how much of the variance lies between implants is the `fitted` distribution's. Which axes
    they are makes no difference to a search by cosine.
    """
    between, within = (fitted.between**2).sum(), (fitted.within**2).sum()
    scales, share = np.diag(np.sqrt(variances)), between / (between + within)
    return Distribution(mean, np.sqrt(share) * scales, np.sqrt(1 - share) * scales)


def sizes(rng: np.random.Generator, references: int) -> NDArray[np.int64]:
    """How many references each implant has: most a few, some hundreds; `references` in all."""
    drawn = np.minimum(rng.lognormal(1.2, 1.1, references).astype(np.int64) + 1, _LARGEST_SIZE)
    counts = drawn[: np.searchsorted(drawn.cumsum(), references) + 1]
    counts[-1] -= counts.sum() - references
    return counts


def covariance(deviations: Floats, freedom: int) -> Floats:
    """What (n, p) deviations with so many degrees of freedom tell of their covariance, (p, p).

    Its trace and the sum of its squares are as of the true one; see the top of this file.
    """
    size = deviations.shape[1]
    sample = deviations.T @ deviations / freedom
    level = np.trace(sample) / size
    spread = ((sample - level * np.eye(size)) ** 2).sum()
    noise = (((deviations**2).sum(axis=1) ** 2).sum() / freedom - (sample**2).sum()) / freedom
    share = min(max(noise / spread, 0.0), 1.0)
    kept = np.sqrt(1 - share)
    return kept * sample + (1 - kept) * level * np.eye(size)


def _factor(covariance: Floats) -> Floats:
    """F with F F^T = covariance; directions that the estimate makes negative have no spread."""
    values, directions = np.linalg.eigh(covariance)
    return directions * np.sqrt(np.maximum(values, 0.0))


def _normal(rng: np.random.Generator, count: int, factor: Floats) -> Floats:
    return rng.standard_normal((count, factor.shape[0]), dtype=np.float32) @ factor.T.astype(
        np.float32
    )


def _unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
