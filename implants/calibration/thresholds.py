"""From which similarity on a word holds, and how sure that is.

Each bound is one-sided at 95 % (Wilson's, on the sum of weights), so that few observations give no
word: 9 of 10 that were right are no proof of nine tenths.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from implants.calibration.evidence import Evidence, Outcome

HIGH: Final = 0.9
MEDIUM: Final = 0.6
STRANGER: Final = 0.5
UNLIKE: Final = 0.05

_Z: Final = 1.6449  # one-sided 95 %

Floats = NDArray[np.float64]


def from_where(evidence: Evidence, share: float) -> float | None:
    """The lowest similarity from which on the first suggestion is right at least so often.

    Of all films at least this similar, and of those right at the threshold too (by a fit that
    never falls), `share` or more were right. None if that can be said of no similarity.
    """
    return _lowest(evidence.similarity, evidence.outcome == Outcome.RIGHT, evidence.weight, share)


def up_to_where(evidence: Evidence) -> float | None:
    """Below which similarity the implant is probably not in the catalogue; None: nowhere.

    For one of two reasons: of films so little similar at least half were of implants that are not
    in it; or not one in twenty of those whose implant is in it is so unlike all references.
    """
    strange = evidence.outcome == Outcome.NOT_IN_CATALOGUE
    mostly = _lowest(-evidence.similarity, strange, evidence.weight, STRANGER)
    unlike = _hardly_any(evidence.similarity[~strange], evidence.weight[~strange])
    found = [] if mostly is None else [float(np.nextafter(-mostly, np.inf))]
    found += [] if unlike is None else [unlike]
    return max(found, default=None)


def lower_bound(share: Floats, weight: Floats) -> Floats:
    """Wilson's: what the true share is at least, if `share` was seen among `weight`."""
    return _centre(share, weight) - _spread(share, weight)


def upper_bound(share: Floats, weight: Floats) -> Floats:
    """Wilson's: what the true share is at most."""
    return _centre(share, weight) + _spread(share, weight)


def rising_fit(hits: Floats, weight: Floats) -> Floats:
    """The shares of hits along growing similarity, smoothed so that they never fall.

    `hits` and `weight` are sums at each similarity, (n,). By pooling neighbours that violate the
    order (isotonic regression), which gives the least squares.
    """
    pools: list[list[float]] = []  # hits, weight, how many places
    for hit, heavy in zip(hits.tolist(), weight.tolist(), strict=True):
        pools.append([hit, heavy, 1])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    return np.repeat([pool[0] / pool[1] for pool in pools], [int(pool[2]) for pool in pools])


def _lowest(
    similarity: Floats, is_hit: NDArray[np.bool_], weight: Floats, share: float
) -> float | None:
    counted = weight > 0
    places, at = np.unique(similarity[counted], return_inverse=True)
    if not places.size:
        return None
    heavy: Floats = np.bincount(at, weight[counted]).astype(np.float64)
    hits: Floats = np.bincount(at, weight[counted] * is_hit[counted]).astype(np.float64)
    above, hits_above = heavy[::-1].cumsum()[::-1], hits[::-1].cumsum()[::-1]
    holds = lower_bound(hits_above / above, above) >= share
    holds &= rising_fit(hits, heavy) >= share
    return float(places[holds][0]) if holds.any() else None


def _hardly_any(similarity: Floats, weight: Floats) -> float | None:
    """The highest similarity below which at most `UNLIKE` of these lie."""
    places, at = np.unique(similarity[weight > 0], return_inverse=True)
    if not places.size:
        return None
    heavy = np.bincount(at, weight[weight > 0])
    below = np.concatenate([[0.0], heavy.cumsum()[:-1]])
    total = np.full_like(below, heavy.sum())
    few = upper_bound(below / total, total) <= UNLIKE
    return float(places[few][-1]) if few.any() else None


def _centre(share: Floats, weight: Floats) -> Floats:
    return (share + _Z**2 / (2 * weight)) / (1 + _Z**2 / weight)


def _spread(share: Floats, weight: Floats) -> Floats:
    inner = share * (1 - share) / weight + _Z**2 / (4 * weight**2)
    return _Z / (1 + _Z**2 / weight) * np.sqrt(np.maximum(inner, 0))
