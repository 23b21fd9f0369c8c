"""Who is found by whom: against figures made by hand and by trying everything."""

import numpy as np
import pytest
from numpy.typing import NDArray

from implants.evaluation.retrieval import Scores, Truth, chance_scores, rank_scores
from tests.implants.evaluation.examples import (
    DEGREES,
    SCORES,
    example,
    mean_over_all_orders,
    on_circle,
    scored_in_order,
)


def crowd(films: int, seed: int = 1) -> tuple[NDArray[np.float32], list[str], list[str]]:
    """Vectors, labels and groups without rhyme or reason, several films a group."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(films, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [f"label {number}" for number in rng.integers(0, 5, films)]
    groups = [f"group {number}" for number in rng.integers(0, films // 2, films)]
    return vectors, labels, groups


def assert_same(found: Scores, expected: Scores) -> None:
    """Each score of each film."""
    assert np.allclose(np.stack(found), np.stack(expected), atol=1e-9)


def test_rank_scores_of_five_films_are_those_made_by_hand() -> None:
    assert_same(rank_scores(on_circle(DEGREES), example()), SCORES)


def test_rank_scores_never_find_the_own_group() -> None:
    truth = Truth.of(["A", "A", "A", "B"], ["p", "p", "q", "q"])
    found = rank_scores(on_circle([0, 1, 90, 40]), truth)

    # 0's twin at 1 degree is of its group: the nearest outside is the B at 40.
    assert found.hit_at_1.tolist() == [0, 0, 1, 0]
    assert found.average_precision.tolist() == [1 / 2, 1 / 2, 1, 0]


def test_rank_scores_count_ties_against_the_encoder() -> None:
    truth = Truth.of(["A", "B", "A", "B", "A"], list("pqrst"))
    found = rank_scores(np.tile(on_circle([30]), (5, 1)), truth)

    assert found.hit_at_1.sum() == 0
    assert found.hit_at_3.tolist() == [1, 0, 1, 0, 1]
    # Wrong, wrong, right, right for an A; three wrong before the right one for a B.
    assert np.allclose(found.average_precision[:2], [(1 / 3 + 2 / 4) / 2, 1 / 4])


def test_rank_scores_take_rounding_for_a_tie() -> None:
    vectors = on_circle([0, 60, 60])
    vectors[1] *= 1 + 1e-7  # the right one, nearer by a rounding error
    truth = Truth.of(["A", "A", "B"], list("pqr"))

    assert rank_scores(vectors, truth).hit_at_1[0] == 0


def test_rank_scores_of_a_perfect_encoder_are_one() -> None:
    labels = [f"label {number % 4}" for number in range(20)]
    vectors = np.eye(4, dtype=np.float32)[[number % 4 for number in range(20)]]
    truth = Truth.of(labels, [str(number) for number in range(20)])

    assert np.stack(rank_scores(vectors, truth)).min() == 1


def test_label_of_one_group_alone_counts_as_missed() -> None:
    truth = Truth.of(["A", "A", "B", "B"], ["p", "p", "q", "r"])

    assert truth.matches.tolist() == [0, 0, 1, 1]
    assert truth.candidates.tolist() == [2, 2, 3, 3]
    for scores in (rank_scores(on_circle([0, 1, 50, 51]), truth), chance_scores(truth)):
        assert np.stack(scores)[:, :2].max() == 0
        assert np.stack(scores)[:, 2:].min() > 0


def test_rank_scores_of_many_films_are_those_of_one_after_the_other() -> None:
    vectors, labels, groups = crowd(600)
    similar = np.round(vectors.astype(float) @ vectors.T.astype(float), 6)
    expected = []
    for query in range(600):
        others = [other for other in range(600) if groups[other] != groups[query]]
        neighbours = [(-similar[query, o], labels[o] == labels[query]) for o in others]
        expected.append(scored_in_order(tuple(right for _, right in sorted(neighbours))))

    assert_same(rank_scores(vectors, Truth.of(labels, groups)), Scores(*np.array(expected).T))


def test_rank_scores_do_not_depend_on_the_order_of_the_films() -> None:
    vectors, labels, groups = crowd(300)
    vectors[1::3] = vectors[0]  # ties in plenty
    order = np.random.default_rng(2).permutation(300)
    shuffled = Truth.of([labels[i] for i in order], [groups[i] for i in order])
    straight = np.stack(rank_scores(vectors, Truth.of(labels, groups)))

    assert_same(rank_scores(vectors[order], shuffled), Scores(*straight[:, order]))


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        ("AB", "pq"),
        ("AAA", "pqr"),
        ("AABBB", "pqrst"),
        ("AABBC", "ppqrs"),
        ("AAABBC", "pqqrrs"),
        ("ABABABA", "pqrsttu"),
        ("AAB", "ppq"),
    ],
)
def test_chance_scores_are_the_mean_over_all_orders(labels: str, groups: str) -> None:
    expected = mean_over_all_orders(list(labels), list(groups))

    assert_same(chance_scores(Truth.of(list(labels), list(groups))), expected)
