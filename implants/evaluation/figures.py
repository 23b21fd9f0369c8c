"""Figures of many films, and how far to trust them: a bootstrap over groups.

Groups are drawn, not films: films of one patient resemble each other, and drawing them singly
would make the intervals narrower than they are. The films that a query is compared with stay; what
is drawn is who asks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from implants.evaluation.retrieval import Floats, Scores, Truth

FIGURES: Final = ("hit_at_1", "hit_at_3", "macro_hit_at_1", "map")
RESAMPLES: Final = 2000
_SEED: Final = 20240229
_BATCH: Final = 100
_LEVELS: Final = (2.5, 97.5)
_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Estimate:
    """`values` (4,), one for each of FIGURES, and the same from each resample, (RESAMPLES, 4).

    The draws of two estimates over the same films are the same draws: their difference is paired.
    """

    values: Floats
    resampled: Floats

    def __sub__(self, other: Self) -> "Estimate":
        return Estimate(self.values - other.values, self.resampled - other.resampled)

    def value(self, figure: str) -> float:
        """One of FIGURES."""
        return round(float(self.values[FIGURES.index(figure)]), _DECIMALS)

    def interval(self, figure: str) -> tuple[float, float]:
        """Between which values 95 % of the resamples lie."""
        low, high = np.percentile(self.resampled[:, FIGURES.index(figure)], _LEVELS)
        return round(float(low), _DECIMALS), round(float(high), _DECIMALS)

    def to_dict(self) -> dict[str, Any]:
        """Figures by name, and `intervals`, the ends of each."""
        values = {figure: self.value(figure) for figure in FIGURES}
        return {**values, "intervals": {figure: list(self.interval(figure)) for figure in FIGURES}}


def estimate(scores: Scores, truth: Truth) -> Estimate:
    """The figures of these films, and of as many resamples of their groups."""
    table = _GroupTable.of(scores, truth)
    draws = np.concatenate([table.figures(drawn) for drawn in _draws(truth)])
    return Estimate(table.figures(np.ones((1, table.films.size)))[0], draws)


@dataclass(frozen=True, slots=True)
class _GroupTable:
    """Sums over each group's films: by what a resample is computed without going through films.

    `films` (g,), `sums` (g, 3) of the scores, `label_films` and `label_hits` (g, labels).
    """

    films: Floats
    sums: Floats
    label_films: Floats
    label_hits: Floats

    @classmethod
    def of(cls, scores: Scores, truth: Truth) -> Self:
        groups, labels = truth.groups, truth.labels
        label_films = np.zeros((groups.max() + 1, labels.max() + 1))
        label_hits = np.zeros_like(label_films)
        np.add.at(label_films, (groups, labels), 1)
        np.add.at(label_hits, (groups, labels), scores.hit_at_1)
        sums = np.zeros((groups.max() + 1, len(scores)))
        np.add.at(sums, groups, np.stack(scores, axis=1))
        return cls(label_films.sum(axis=1), sums, label_films, label_hits)

    def figures(self, drawn: Floats) -> Floats:
        """How often each group was drawn, (b, g), to FIGURES, (b, 4)."""
        means = drawn @ self.sums / (drawn @ self.films)[:, None]
        hits, films = drawn @ self.label_hits, drawn @ self.label_films
        # A label of which nobody was drawn is no part of that resample's mean.
        by_label = np.divide(hits, films, out=np.zeros_like(hits), where=films > 0)
        macro = by_label.sum(axis=1) / (films > 0).sum(axis=1)
        return np.stack([means[:, 0], means[:, 1], macro, means[:, 2]], axis=1)


def _draws(truth: Truth) -> Iterator[Floats]:
    """As many groups as there are, drawn with putting back: (batch, g) counts at a time."""
    groups = int(truth.groups.max()) + 1
    generator = np.random.default_rng(_SEED)
    for _ in range(RESAMPLES // _BATCH):
        drawn = generator.multinomial(groups, np.full(groups, 1 / groups), _BATCH)
        yield drawn.astype(np.float64)
