"""Leave one group out: each film asks for its label among the films of all other groups.

Neighbours are ordered by cosine similarity. Ties count against the encoder: of equally similar
films the wrong ones come first, so that an encoder that answers the same for everything earns
nothing by it, and the order of the files never matters. A film whose label nobody outside its
group has can't be found; it counts as missed in every figure, chance too, so that all are means
over the same films.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_TIE_DECIMALS: Final = 6
"""Identical films differ by less: how a sum is rounded must not decide who is nearer."""
_CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class Truth:
    """Label and group of each film as numbers from 0, each of shape (n,), in the names' order."""

    labels: Codes
    groups: Codes

    @classmethod
    def of(cls, labels: list[str], groups: list[str]) -> Self:
        """From names, one of each a film."""
        return cls(_codes(labels), _codes(groups))

    @property
    def candidates(self) -> Codes:
        """How many films each film is compared with: (n,)."""
        return self.labels.size - np.bincount(self.groups)[self.groups]

    @property
    def matches(self) -> Codes:
        """How many of them have its label: (n,)."""
        pairs = _codes(np.stack([self.labels, self.groups], axis=1))
        return np.bincount(self.labels)[self.labels] - np.bincount(pairs)[pairs]


class Scores(NamedTuple):
    """What each film as a query achieved, 0 to 1, each of shape (n,)."""

    hit_at_1: Floats
    hit_at_3: Floats
    average_precision: Floats


def rank_scores(vectors: NDArray[np.float32], truth: Truth) -> Scores:
    """Scores of vectors (n, d) with rows of length 1 (or 0: as similar to one as to another)."""
    parts = [_scored(*part) for part in _ranked(vectors.astype(np.float64), truth)]
    hit_at_1, hit_at_3, precision = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Scores(hit_at_1, hit_at_3, precision)


def chance_scores(truth: Truth) -> Scores:
    """What the same films would achieve on average over all orders of their neighbours: exact."""
    candidates, matches = truth.candidates, truth.matches
    return Scores(
        _chance_of_a_hit(candidates, matches, 1),
        _chance_of_a_hit(candidates, matches, 3),
        _chance_precision(candidates, matches),
    )


def _codes(names: list[str] | Codes) -> Codes:
    return np.unique(np.asarray(names), axis=0, return_inverse=True)[1].reshape(-1)


def _ranked(vectors: Floats, truth: Truth) -> Iterator[tuple[NDArray[np.bool_], Codes]]:
    """Chunks of queries: whether each neighbour, nearest first, is right, and how many are."""
    matches = truth.matches
    for start in range(0, len(vectors), _CHUNK):
        rows = slice(start, start + _CHUNK)
        similar = np.round(vectors[rows] @ vectors.T, _TIE_DECIMALS)
        outside = truth.groups[rows, None] != truth.groups
        right = outside & (truth.labels[rows, None] == truth.labels)
        # Films of the own group go to the end, where they are nobody's match.
        order = np.lexsort((right, -np.where(outside, similar, -np.inf)), axis=1)
        yield np.take_along_axis(right, order, axis=1), matches[rows]


def _scored(right: NDArray[np.bool_], matches: Codes) -> Scores:
    ranks = np.arange(1, right.shape[1] + 1)
    precision = (right * np.cumsum(right, axis=1) / ranks).sum(axis=1)
    return Scores(_hits(right, 1), _hits(right, 3), precision / np.maximum(matches, 1))


def _hits(right: NDArray[np.bool_], depth: int) -> Floats:
    hits: Floats = np.asarray(right[:, :depth].any(axis=1), dtype=np.float64)
    return hits


def _chance_of_a_hit(candidates: Codes, matches: Codes, depth: int) -> Floats:
    """1 minus the chance that `depth` films drawn without putting back are all wrong."""
    missed: Floats = np.ones(candidates.shape)
    for drawn in range(depth):
        wrong = np.maximum(candidates - matches - drawn, 0)
        missed *= wrong / np.maximum(candidates - drawn, 1)
    missed[matches == 0] = 1  # even if all were drawn
    return 1 - missed


def _chance_precision(candidates: Codes, matches: Codes) -> Floats:
    """The mean of average precision over all orders of R right ones among N.

    A right one at rank k has (k - 1)(R - 1)/(N - 1) right ones before it on average, and every
    rank is as likely: (1/N) Σ (1 + (k - 1)(R - 1)/(N - 1)) / k, with Σ 1/k the harmonic number.
    """
    harmonic = np.cumsum(1 / np.arange(1, candidates.max() + 1))[candidates - 1]
    others = (matches - 1) / np.maximum(candidates - 1, 1)
    return np.where(matches > 0, (harmonic + others * (candidates - harmonic)) / candidates, 0.0)
