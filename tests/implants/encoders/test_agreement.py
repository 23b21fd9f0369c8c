"""A cheaper graph's vectors against the original's: the same implants, or it is said."""

import numpy as np
import pytest

from implants.encoders.export.agreement import Agreement, compare, top_sets


def clusters(systems: int = 6, films: int = 4, spread: float = 0.1) -> tuple[np.ndarray, list[int]]:
    """Vectors of `films` films around a direction of each system, and their systems."""
    rng = np.random.default_rng(5)
    labels = [number // films for number in range(systems * films)]
    centres = rng.normal(size=(systems, 16))
    return centres[labels] + spread * rng.normal(size=(len(labels), 16)), labels


def test_compare_of_the_same_vectors_agrees_in_full() -> None:
    vectors, labels = clusters()
    agreement = compare(vectors, 3 * vectors, labels)
    assert agreement.films == len(labels)
    assert agreement.least_cosine == pytest.approx(1)
    assert agreement.mean_cosine == pytest.approx(1)
    assert agreement.same_top == 1
    assert agreement.is_enough


def test_compare_reports_the_worst_and_the_mean_cosine() -> None:
    vectors, labels = clusters()
    turned = vectors.copy()
    turned[0] = -turned[0]
    agreement = compare(vectors, turned, labels)
    assert agreement.least_cosine == pytest.approx(-1)
    assert agreement.mean_cosine == pytest.approx(1 - 2 / len(labels))


def test_compare_of_unrelated_vectors_is_not_enough() -> None:
    vectors, labels = clusters()
    noise = np.random.default_rng(6).normal(size=vectors.shape)
    agreement = compare(vectors, noise, labels)
    assert agreement.same_top < 0.5
    assert not agreement.is_enough


def test_compare_counts_films_whose_set_changed() -> None:
    """Four systems on a line: the one film at the end gets another third neighbour, no other."""
    places = np.array([0.0, 0.02, 0.5, 0.52, 0.9, 0.92, -0.95, -0.97])
    moved = places + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0])

    def circle(angles: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    labels = np.repeat(np.arange(4), 2)
    before, after = top_sets(circle(places), labels), top_sets(circle(moved), labels)
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    agreement = compare(circle(places), circle(moved), list(labels))
    assert 0 < changed < 8
    assert agreement.same_top == 1 - changed / 8


def test_top_sets_leave_the_film_itself_out() -> None:
    """A system of one film can't be found by that film."""
    vectors = np.eye(5) + 0.1
    labels = np.array([0, 1, 2, 3, 4])
    assert all(label not in found for label, found in enumerate(top_sets(vectors, labels)))


def test_top_sets_are_three_distinct_systems_by_their_best_film() -> None:
    angles = np.array([0.0, 0.01, 0.02, 0.03, 0.2, 0.3, 0.4])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    labels = np.array([0, 0, 0, 0, 1, 2, 3])
    assert top_sets(vectors, labels)[0] == {0, 1, 2}


@pytest.mark.parametrize(("same", "enough"), [(0.97, True), (0.9699, False), (1.0, True)])
def test_three_percent_is_the_most_that_may_differ(same: float, enough: bool) -> None:
    agreement = Agreement(films=384, least_cosine=0.9, mean_cosine=0.99, same_top=same)
    assert agreement.is_enough is enough


def test_agreement_is_told_with_its_figures() -> None:
    agreement = Agreement(films=384, least_cosine=0.91234, mean_cosine=0.9871, same_top=0.9661)
    for figure in ("0.9123", "0.9871", "96.6%", "384"):
        assert figure in str(agreement)
    assert agreement.to_dict() == {
        "films": 384,
        "least_cosine": 0.91234,
        "mean_cosine": 0.9871,
        "same_top_3": 0.9661,
    }
