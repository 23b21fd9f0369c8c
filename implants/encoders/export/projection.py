"""From a backbone's features to 512 numbers: principal components, whitened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Projection:
    """`(features - mean) @ weights`: mean (n,), weights (n, dimensions)."""

    mean: Matrix
    weights: Matrix

    def apply(self, features: NDArray[np.floating]) -> Matrix:
        """The projected features, shape (rows, dimensions), not yet of length 1."""
        projected: Matrix = (features - self.mean) @ self.weights
        return projected


def fit_projection(
    features: NDArray[np.floating], dimensions: int, *, power: float, shrinkage: float
) -> Projection:
    """The `dimensions` strongest principal components of `features` (rows, n), whitened.

    A component of variance v is scaled by (v + shrinkage × mean variance) to the -power: power 0.5
    whitens in full, 0 not at all; shrinkage keeps the weakest, noisy components from counting as
    much as the strong ones. Signs are fixed, so that the same features give the same projection.
    """
    rows, width = features.shape
    if rows <= dimensions or width < dimensions:
        raise ValueError(f"{rows} films of {width} features are too few for {dimensions} numbers")
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features.astype(np.float64) - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / (rows - 1))
    strongest = np.argsort(variances)[::-1][:dimensions]
    variances, directions = variances[strongest], directions[:, strongest]
    directions = directions * _signs(directions)
    scale = (np.maximum(variances, 0) + shrinkage * variances.mean()) ** -power
    return Projection(mean, directions * scale)


def _signs(directions: Matrix) -> Matrix:
    """+1 or -1 for each column, so that its largest entry becomes positive."""
    largest = np.abs(directions).argmax(axis=0)
    signs: Matrix = np.sign(directions[largest, np.arange(directions.shape[1])])
    return signs
