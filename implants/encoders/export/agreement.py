"""Does a cheaper graph still find the same implants? Its vectors against the original's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TOP: Final = 3
MOST_DISAGREEMENT: Final = 0.03
"""The part of top-3 sets that may differ before a quantised bundle is refused."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosine between both vectors of a film, and the part of films with the same top-3 set."""

    films: int
    least_cosine: float
    mean_cosine: float
    same_top: float

    @property
    def is_enough(self) -> bool:
        """Whether at most 3 % of the top-3 sets differ."""
        return self.same_top >= 1 - MOST_DISAGREEMENT

    def to_dict(self) -> dict[str, Any]:
        """As it goes into `encoder.json`."""
        return {
            "films": self.films,
            "least_cosine": round(self.least_cosine, 6),
            "mean_cosine": round(self.mean_cosine, 6),
            "same_top_3": round(self.same_top, 4),
        }

    def __str__(self) -> str:
        return (
            f"cosine at least {self.least_cosine:.4f}, mean {self.mean_cosine:.4f};"
            f" the same top 3 for {self.same_top:.1%} of {self.films} rendered films"
        )


def compare(
    original: NDArray[np.floating], cheaper: NDArray[np.floating], systems: Sequence[int]
) -> Agreement:
    """`original` and `cheaper`: vectors (n, dimensions) of the same n films of `systems`.

    Each film asks all the others; an implant scores as its best film.
    """
    first, second = _unit(original), _unit(cheaper)
    cosines = (first * second).sum(axis=1)
    labels = np.asarray(systems)
    pairs = zip(top_sets(first, labels), top_sets(second, labels), strict=True)
    return Agreement(
        films=len(labels),
        least_cosine=float(cosines.min()),
        mean_cosine=float(cosines.mean()),
        same_top=float(np.mean([one == other for one, other in pairs])),
    )


def top_sets(vectors: NDArray[np.floating], systems: NDArray[np.integer]) -> list[frozenset[int]]:
    """For each film the systems of its nearest others: the top 3 distinct ones, as a set."""
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -np.inf)
    names = np.unique(systems)
    best = np.stack([similarities[:, systems == name].max(axis=1) for name in names], axis=1)
    order = np.argsort(-best, axis=1, kind="stable")[:, :TOP]
    return [frozenset(map(int, names[row])) for row in order]


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit
