"""`evaluate_encoder`: the figures on the command line, and the gate between two encoders."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from PIL import Image

from implants.encoders.active import forget
from implants.models import Encoder
from tests.implants.tiny_encoder import write_bundle

LABELS = 3
FILMS = 24
NO_DATABASE = "postgres://nobody@127.0.0.1:9/nothing"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Films that resemble those of their label."""
    rng = np.random.default_rng(5)
    patterns = rng.integers(60, 200, (LABELS, 8, 8))
    with (tmp_path / "films.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "group"])
        for number in range(FILMS):
            noisy = patterns[number % LABELS] + rng.integers(-40, 40, (8, 8))
            film = Image.fromarray(noisy.astype(np.uint8)).resize((96, 96))
            film.save(tmp_path / f"{number}.png")
            rows.writerow([f"{number}.png", f"label {number % LABELS}", f"patient {number}"])
    return tmp_path / "films.csv"


@pytest.fixture
def deaf_bundle(tmp_path: Path) -> Path:
    """An encoder that gives the same vector for everything, but for a rounding error."""
    folder = write_bundle(tmp_path / "deaf", name="deaf")
    description = json.loads((folder / "encoder.json").read_text())
    description["preprocessing"]["mean"] = [-10_000.0] * 3
    (folder / "encoder.json").write_text(json.dumps(description))
    return folder


def evaluate(images: Path, *arguments: object) -> tuple[str, str]:
    """What the command prints on stdout, and why it fails ('' if it doesn't)."""
    answer, reason = io.StringIO(), ""
    try:
        call_command("evaluate_encoder", "--images", images, *map(str, arguments), stdout=answer)
    except CommandError as error:
        reason = str(error)
    return answer.getvalue(), reason


def figures(images: Path, *arguments: object) -> dict[str, Any]:
    """The JSON that the command prints without failing."""
    answer, reason = evaluate(images, *arguments, "--json")
    assert reason == ""
    found: dict[str, Any] = json.loads(answer)
    return found


def test_evaluate_encoder_measures_a_bundle(images: Path, tiny_bundle: Path) -> None:
    found = figures(images, "--encoder", tiny_bundle)

    assert (found["encoder"], found["images"], found["without_a_match"]) == ("tiny", FILMS, 0)
    rows = (found, found["chance"], found["raw_pixels"])
    for row in rows:
        for name in ("hit_at_1", "hit_at_3", "macro_hit_at_1", "map"):
            low, high = row["intervals"][name]
            assert 0 <= low <= row[name] <= high <= 1
    # 7 of the 23 others are right.
    assert found["chance"]["hit_at_1"] == pytest.approx(7 / 23, abs=1e-6)
    assert found["chance"]["hit_at_3"] == pytest.approx(
        1 - (16 * 15 * 14) / (23 * 22 * 21), abs=1e-6
    )
    assert found["hit_at_1"] == found["raw_pixels"]["hit_at_1"] == 1


def test_evaluate_encoder_of_constant_vectors_is_worse_than_chance(
    images: Path, deaf_bundle: Path
) -> None:
    found = figures(images, "--encoder", deaf_bundle)

    assert found["hit_at_1"] == found["hit_at_3"] == 0
    assert found["map"] < found["chance"]["map"]


def test_evaluate_encoder_prints_a_table_and_progress_elsewhere(
    images: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, reason = evaluate(images, "--encoder", tiny_bundle)

    assert reason == ""
    lines = answer.splitlines()
    assert lines[0].startswith("Encoder: tiny (1+")
    assert lines[1] == "24 images, 24 groups, 3 labels; 0 without a match in another group"
    assert [line.split("  ")[0] for line in lines[3:]] == ["encoder", "raw pixels", "chance"]
    assert lines[3].count("1.000 (1.000 to 1.000)") >= 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{FILMS}/{FILMS}" in printed.err


@pytest.mark.django_db
def test_evaluate_encoder_measures_the_active_one(images: Path, encoder: Encoder) -> None:
    assert figures(images)["encoder"] == encoder.name

    Encoder.objects.update(is_active=False)
    forget()

    answer, reason = evaluate(images)
    assert answer == ""
    assert "activate_encoder" in reason


def test_evaluate_encoder_names_films_that_cannot_be_opened(
    images: Path, tiny_bundle: Path
) -> None:
    (images.parent / "3.png").unlink()
    (images.parent / "7.png").write_bytes(b"nothing")

    answer, reason = evaluate(images, "--encoder", tiny_bundle, "--json")

    assert answer == ""
    assert "3.png" in reason
    assert "7.png" in reason


def test_evaluate_encoder_warns_of_films_that_find_themselves(
    images: Path, tiny_bundle: Path
) -> None:
    (images.parent / "4.png").write_bytes((images.parent / "1.png").read_bytes())
    errors = io.StringIO()
    call_command(
        "evaluate_encoder", images=images, encoder=tiny_bundle, stdout=io.StringIO(), stderr=errors
    )

    assert "2 films are in several groups" in errors.getvalue()


@pytest.mark.parametrize("missing", ["films.csv", "bundle"])
def test_evaluate_encoder_without_its_files_fails(
    images: Path, tiny_bundle: Path, missing: str
) -> None:
    answer, reason = evaluate(
        images if missing != "films.csv" else images.parent / "gone.csv",
        "--encoder",
        tiny_bundle if missing != "bundle" else images.parent / "gone",
    )

    assert answer == ""
    assert "gone" in reason


def test_compare_of_an_encoder_with_itself_passes(images: Path, tiny_bundle: Path) -> None:
    found = figures(images, "--compare", tiny_bundle, tiny_bundle)

    assert found["verdict"] == "no_regression"
    assert found["a"] == found["b"]
    assert found["a"]["encoder"] == "tiny"
    assert found["difference"]["hit_at_3"] == 0
    assert found["difference"]["intervals"]["hit_at_3"] == [0, 0]


def test_compare_with_a_worse_encoder_fails(
    images: Path, tiny_bundle: Path, deaf_bundle: Path
) -> None:
    answer, reason = evaluate(images, "--compare", tiny_bundle, deaf_bundle, "--json")

    assert "more than 3 points below" in reason
    found = json.loads(answer)
    assert found["verdict"] == "regression"
    assert found["difference"]["hit_at_3"] == -1


def test_compare_with_a_better_encoder_passes(
    images: Path, tiny_bundle: Path, deaf_bundle: Path
) -> None:
    answer, reason = evaluate(images, "--compare", deaf_bundle, tiny_bundle)

    assert reason == ""
    lines = answer.splitlines()
    assert lines[0].startswith("A: deaf")
    assert lines[1].startswith("B: tiny")
    assert lines[-1] == "No regression: a loss of more than 3 points is excluded."


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command as a program, where no database can be reached."""
    return subprocess.run(
        [sys.executable, "manage.py", "evaluate_encoder", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": NO_DATABASE},
        capture_output=True,
        text=True,
    )


def test_evaluate_encoder_needs_no_database_for_a_bundle(images: Path, tiny_bundle: Path) -> None:
    done = run("--images", images, "--encoder", tiny_bundle, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["encoder"] == "tiny"

    # The same without --encoder shows that there is none to be reached.
    assert run("--images", images).returncode != 0


def test_compare_needs_no_database_and_exits_non_zero_for_a_regression(
    images: Path, tiny_bundle: Path, deaf_bundle: Path
) -> None:
    done = run("--images", images, "--compare", tiny_bundle, deaf_bundle, "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "regression"


def test_help_shows_examples_and_what_the_gate_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("evaluate_encoder", "--help")

    text = capsys.readouterr().out
    assert "manage.py evaluate_encoder --images films.csv" in text
    assert "below -0.03" in text
