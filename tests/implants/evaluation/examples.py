"""Small sets whose figures can be had by hand or by trying everything."""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from implants.evaluation.retrieval import Scores, Truth

# Five films on a circle. The nearest first, of other groups than the own:
#   0 at   0 (A): 1 B, 2 A, 4 B         hit@1 0, hit@3 1, precision 1/2
#   1 at  10 (B): 0 A, 2 A, 3 A, 4 B    hit@1 0, hit@3 0, precision 1/4
#   2 at  30 (A): 1 B, 0 A, 3 A, 4 B    hit@1 0, hit@3 1, precision (1/2 + 2/3) / 2
#   3 at  60 (A): 2 A, 4 B, 1 B         hit@1 1, hit@3 1, precision 1
#   4 at 100 (B): 3 A, 2 A, 1 B, 0 A    hit@1 0, hit@3 1, precision 1/3
DEGREES = [0.0, 10.0, 30.0, 60.0, 100.0]
LABELS = ["A", "B", "A", "A", "B"]
GROUPS = ["p", "q", "r", "p", "s"]
SCORES = Scores(
    np.array([0.0, 0, 0, 1, 0]),
    np.array([1.0, 0, 1, 1, 1]),
    np.array([1 / 2, 1 / 4, 7 / 12, 1, 1 / 3]),
)
FIGURES = [1 / 5, 4 / 5, (1 / 3 + 0) / 2, 8 / 15]
"""hit@1, hit@3, hit@1 by label, mean average precision."""


def on_circle(degrees: list[float]) -> NDArray[np.float32]:
    """Vectors of length 1 at these angles, (n, 2)."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def scored_in_order(right: tuple[bool, ...]) -> tuple[float, float, float]:
    """hit@1, hit@3 and average precision of neighbours that are right or not, nearest first."""
    ranks = [rank for rank, is_right in enumerate(right, start=1) if is_right]
    precisions = [found / rank for found, rank in enumerate(ranks, start=1)]
    precision = sum(precisions) / len(ranks) if ranks else 0.0
    return float(any(right[:1])), float(any(right[:3])), precision


def mean_over_all_orders(labels: list[str], groups: list[str]) -> Scores:
    """What chance gives, by trying every order of every film's neighbours."""
    rows = []
    for label, group in zip(labels, groups, strict=True):
        others = zip(labels, groups, strict=True)
        neighbours = [other == label for other, theirs in others if theirs != group]
        orders = [scored_in_order(order) for order in permutations(neighbours)]
        rows.append(np.mean(orders, axis=0))
    return Scores(*np.array(rows).T)


def example() -> Truth:
    """Labels and groups of the five films."""
    return Truth.of(LABELS, GROUPS)
