"""One encoder's report, and the gate between two."""

from pathlib import Path

import numpy as np
import pytest

from implants.encoders.bundle import load_bundle
from implants.encoders.session import EncoderSession
from implants.evaluation.figures import RESAMPLES, Estimate
from implants.evaluation.report import Comparison, Evaluation, evaluate
from implants.evaluation.samples import Sample
from implants.region import Region
from tests.implants.conftest import write_film
from tests.implants.tiny_encoder import write_bundle


@pytest.fixture
def session(tmp_path: Path) -> EncoderSession:
    return EncoderSession(load_bundle(write_bundle(tmp_path / "tiny")))


def test_evaluate_counts_what_it_measured(session: EncoderSession, tmp_path: Path) -> None:
    paths = [write_film(tmp_path / f"{n}.png", n) for n in range(5)]
    labels, groups = ["A", "A", "B", "B", "C"], ["p", "q", "r", "r", "s"]
    rows = zip(paths, labels, groups, strict=True)
    found = evaluate([Sample(*row, None) for row in rows], session)

    assert (found.encoder, found.images, found.groups, found.labels) == ("tiny", 5, 4, 3)
    assert found.without_a_match == 3  # both of r, and s
    assert found.in_several_groups == 0
    assert found.chance.value("hit_at_1") == pytest.approx(2 * (1 / 4) / 5)


def test_evaluate_counts_films_that_find_themselves(
    session: EncoderSession, tmp_path: Path
) -> None:
    left, right = Region(0, 0, 0.5, 1), Region(0.5, 0, 0.5, 1)
    once, twice = write_film(tmp_path / "1.png", 1), write_film(tmp_path / "2.png", 2)
    copy = write_film(tmp_path / "copy.png", 2)
    found = evaluate(
        [
            Sample(once, "A", "p", left),
            Sample(once, "B", "q", right),
            Sample(twice, "A", "r", None),
            Sample(copy, "A", "s", None),
        ],
        session,
    )

    assert found.in_several_groups == 2


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.10, -0.04, "regression"),
        (-0.10, -0.03, "undecided"),
        (-0.10, -0.01, "undecided"),
        (-0.10, 0.02, "undecided"),
        (-0.03, 0.02, "no_regression"),
        (0.0, 0.0, "no_regression"),
        (0.01, 0.05, "no_regression"),
    ],
)
def test_verdict_is_by_the_whole_interval(low: float, high: float, verdict: str) -> None:
    assert comparison(low, high).verdict == verdict


def test_verdict_looks_at_hit_at_3_alone() -> None:
    assert comparison(0, 0, others=-0.5).verdict == "no_regression"


def comparison(low: float, high: float, *, others: float = 0) -> Comparison:
    """Two encoders whose difference in hit@3 has this 95 % interval."""
    resampled = np.full((RESAMPLES, 4), others, dtype=float)
    resampled[:, 1] = np.where(np.arange(RESAMPLES) % 2, low, high)
    difference = Estimate(resampled.mean(axis=0), resampled)
    one = Evaluation("a", "1", 9, 9, 2, 0, 0, difference, difference, difference)
    return Comparison(one, one, difference)
