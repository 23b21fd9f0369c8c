"""`evaluate_doubt`: the figures of a real encoder on a few rendered films."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from implants.calibration.trial import auroc
from implants.doubt import Confidence
from implants.encoders.bundle import BUNDLED
from implants.management.commands import evaluate_doubt
from tests.implants.conftest import write_film

SYSTEMS, VIEWS = 5, 2


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo catalogue of five systems in two views, and three made pictures of each kind."""
    monkeypatch.setattr(evaluate_doubt, "DEMO_SYSTEMS", evaluate_doubt.DEMO_SYSTEMS[:SYSTEMS])
    monkeypatch.setattr(evaluate_doubt, "VIEWS", evaluate_doubt.VIEWS[:VIEWS])
    monkeypatch.setattr(evaluate_doubt, "_PICTURES", 3)


def test_auroc_is_how_often_the_higher_is_higher() -> None:
    low, high = np.array([1.0, 2.0]), np.array([2.0, 3.0])
    assert auroc(high, low) == 0.875
    assert auroc(low, high) == 0.125
    assert auroc(high, high) == 0.5


def test_the_command_tells_the_figures_without_a_database(small: None, tmp_path: Path) -> None:
    write_film(tmp_path / "photos" / "a.png", 1)
    out = StringIO()
    call_command(
        "evaluate_doubt", "--json", encoder=BUNDLED, pictures=tmp_path / "photos", stdout=out
    )
    found = json.loads(out.getvalue())
    films = SYSTEMS * VIEWS
    assert (found["references"], found["queries"]) == (films, films)
    for kind in ("whole_film", "region"):
        assert len(found[kind]["auroc_by_fold"]) == 5
        assert found[kind]["auroc"] == pytest.approx(
            np.mean(found[kind]["auroc_by_fold"]), abs=1e-3
        )
        words = found[kind]["words"]
        assert set(words) == set(Confidence.values)
        # Each film is asked in each of five folds, and its implant held out in one of them.
        assert sum(counts["films"] for counts in words.values()) == 5 * films
        assert sum(counts["held_out"] for counts in words.values()) == films
        # Ten references are too few for any bound.
        assert words["high"]["films"] == words["medium"]["films"] == 0
    pictures = found["no_radiographs"]
    assert {name: row["images"] for name, row in pictures.items()} == {
        "pages": 3, "contact_sheets": 3, "photos": 1,
    }  # fmt: skip
    assert pictures["pages"]["with_a_concern"] == 1
    assert pictures["pages"]["flagged"] == 1


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no image"):
        call_command("evaluate_doubt", encoder=BUNDLED, pictures=tmp_path)


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        call_command("evaluate_doubt", encoder=tmp_path)
