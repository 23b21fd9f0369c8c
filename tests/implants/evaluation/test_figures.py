"""Figures and their intervals."""

import numpy as np
import pytest

from implants.evaluation.figures import RESAMPLES, Estimate, estimate
from implants.evaluation.retrieval import Scores, Truth
from tests.implants.evaluation.examples import FIGURES, SCORES, example


def same(hits: list[float]) -> Scores:
    """All three scores alike."""
    return Scores(*[np.array(hits, dtype=float)] * 3)


def one_label(groups: list[str]) -> Truth:
    """Films of these groups."""
    return Truth.of(["A"] * len(groups), groups)


def width(found: Estimate, figure: str = "hit_at_1") -> float:
    """How wide an interval is."""
    low, high = found.interval(figure)
    return high - low


def test_estimate_of_five_films_is_the_one_made_by_hand() -> None:
    assert estimate(SCORES, example()).values == pytest.approx(FIGURES)


def test_estimate_names_its_figures() -> None:
    found = estimate(SCORES, example()).to_dict()
    intervals = found.pop("intervals")

    assert found == {
        "hit_at_1": 0.2,
        "hit_at_3": 0.8,
        "macro_hit_at_1": 0.166667,
        "map": 0.533333,
    }
    assert list(intervals) == list(found)
    for figure, (low, high) in intervals.items():
        assert 0 <= low <= found[figure] <= high <= 1


def test_interval_of_films_that_all_score_alike_is_a_point() -> None:
    found = estimate(same([0.25] * 8), one_label([str(n) for n in range(8)]))

    assert found.interval("map") == (0.25, 0.25)


def test_interval_of_independent_films_has_the_width_of_theory() -> None:
    hits = [1.0, 0.0] * 200
    found = estimate(same(hits), one_label([str(n) for n in range(400)]))

    assert width(found) == pytest.approx(2 * 1.96 * (0.25 / 400) ** 0.5, rel=0.1)


def test_groups_are_drawn_and_not_films() -> None:
    hits = [1.0] * 200 + [0.0] * 200
    few = estimate(same(hits), one_label([str(n // 40) for n in range(400)]))

    # Ten groups that agree within themselves are no more than ten observations.
    assert width(few) == pytest.approx(2 * 1.96 * (0.25 / 10) ** 0.5, rel=0.15)


def test_large_groups_weigh_as_much_as_they_have_films() -> None:
    found = estimate(same([1.0, 0.0, 0.0, 0.0]), one_label(["p", "q", "q", "q"]))

    assert found.value("hit_at_1") == 0.25
    assert set(np.round(np.unique(found.resampled[:, 0]), 3)) == {0, 0.25, 1}


def test_macro_leaves_out_labels_that_nobody_drawn_has() -> None:
    truth = Truth.of(["A", "B"], ["p", "q"])
    found = estimate(same([1.0, 0.0]), truth)

    assert found.value("macro_hit_at_1") == 0.5
    # p twice, q twice, or both: 1, 0 or the mean, never half of a single label.
    assert set(found.resampled[:, 2]) == {0.0, 0.5, 1.0}
    only_right = estimate(same([1.0, 1.0]), truth)
    assert set(only_right.resampled[:, 2]) == {1.0}


def test_estimate_is_the_same_again_and_in_any_order() -> None:
    rng = np.random.default_rng(3)
    hits = rng.integers(0, 2, 60).astype(float)
    groups = [str(n) for n in rng.integers(0, 20, 60)]
    order = rng.permutation(60)
    straight = estimate(same(list(hits)), one_label(groups))
    shuffled = estimate(same(list(hits[order])), one_label([groups[n] for n in order]))

    assert straight.resampled.shape == (RESAMPLES, 4)
    assert straight.to_dict() == shuffled.to_dict()


def test_difference_is_paired() -> None:
    groups = [str(n) for n in range(200)]
    better = same([1.0, 0.0] * 100)
    worse = same([0.0, 0.0] * 10 + [1.0, 0.0] * 90)
    a, b = estimate(better, one_label(groups)), estimate(worse, one_label(groups))

    assert (a - a).interval("hit_at_3") == (0, 0)
    assert (b - a).value("hit_at_3") == pytest.approx(-0.05)
    # Ten films out of 200 differ; independent draws would give three times the width.
    assert width(b - a) == pytest.approx(2 * 1.96 * (0.05 * 0.95 / 200) ** 0.5, rel=0.15)
