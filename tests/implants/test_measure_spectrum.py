"""`measure_spectrum`: a statistic of a folder's films, and none when a film is missing from it."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from PIL import Image

from implants.benchmark.distribution import covariance
from implants.benchmark.spectrum import Spectrum, read_spectrum, spectrum_of
from implants.encoders.active import active
from implants.encoders.bundle import load_bundle, version_of
from implants.encoders.session import EncoderSession, EncodingError
from implants.models import DIMENSIONS, Encoder
from implants.radiograph import open_radiograph
from tests.implants.tiny_encoder import GRAY

FILMS = 52


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of films, the second within a folder."""
    folder = tmp_path_factory.mktemp("films")
    rng = np.random.default_rng(6)
    for number in range(FILMS):
        place = folder / ("one" if number % 2 else "other/deeper")
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(20, 235, (12, 12)).astype(np.uint8)
        Image.fromarray(pixels).resize((96, 96)).save(place / f"{number}.png")
    return folder


@pytest.fixture
def films(made: Path, tmp_path: Path) -> list[Path]:
    """Copies of the folders, to be changed."""
    shutil.copytree(made, tmp_path / "films")
    return [tmp_path / "films/one", tmp_path / "films/other"]


def measure(*arguments: object) -> str:
    told = io.StringIO()
    call_command("measure_spectrum", *map(str, arguments), stdout=told)
    return told.getvalue()


def vectors_of(folders: list[Path], bundle: Path) -> np.ndarray:
    session = EncoderSession(load_bundle(bundle))
    paths = sorted(path for folder in folders for path in folder.rglob("*.png"))
    images = [open_radiograph(path.read_bytes()).image for path in paths]
    return np.array([session.encode(image) for image in images], dtype=np.float64)


def test_measure_spectrum_writes_mean_and_variances(
    films: list[Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    output = tmp_path / "spectrum.json"
    told = measure(*films, "--output", output, "--encoder", tiny_bundle)

    written = json.loads(output.read_text())
    assert written.keys() == {"encoder", "version", "films", "mean", "variances"}
    assert (written["encoder"], written["films"]) == ("tiny", FILMS)
    assert written["version"] == version_of(load_bundle(tiny_bundle))
    assert f"{FILMS} films by tiny" in told
    vectors = vectors_of(films, tiny_bundle)
    mean, variances = np.array(written["mean"]), np.array(written["variances"])
    right = covariance(vectors - vectors.mean(axis=0), FILMS - 1)
    assert (np.diff(variances) <= 0).all()
    assert variances.sum() == pytest.approx(np.trace(right), rel=1e-4)
    assert (variances**2).sum() == pytest.approx((right**2).sum(), rel=1e-4)
    # What a cosine sees of the mean: its length, and how it lies to the axes.
    turned = vectors.mean(axis=0)
    assert mean @ mean == pytest.approx(turned @ turned, rel=1e-4)
    assert mean @ (variances * mean) == pytest.approx(turned @ right @ turned, rel=1e-3)


def test_measure_spectrum_rounds_to_six_digits() -> None:
    numbers = np.full(DIMENSIONS, 1 / 3)

    written = Spectrum("some", "1", 50, numbers, numbers * 1e-5).to_dict()

    assert (written["mean"][0], written["variances"][0]) == (0.333333, 3.33333e-06)


def test_measure_spectrum_is_read_again(
    films: list[Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    output = tmp_path / "spectrum.json"
    measure(*films, "--output", output, "--encoder", tiny_bundle)

    found = read_spectrum(output, "tiny", version_of(load_bundle(tiny_bundle)))

    again = spectrum_of(vectors_of(films, tiny_bundle), "tiny", "1")
    np.testing.assert_allclose(found.variances, again.variances, rtol=1e-4)
    assert found.films == FILMS


def test_measure_spectrum_takes_the_active_encoder(
    encoder: Encoder, films: list[Path], tmp_path: Path
) -> None:
    measure(*films, "--output", tmp_path / "spectrum.json")

    assert read_spectrum(tmp_path / "spectrum.json", active().name, encoder.version).films == FILMS


def refused(reason: str, output: Path, *arguments: object) -> str:
    """Nothing is written, and `reason` is in what is said."""
    with pytest.raises(CommandError, match=reason) as caught:
        measure(*arguments, "--output", output)
    assert not output.exists()
    return str(caught.value)


def test_measure_spectrum_names_all_films_that_it_cannot_take(
    films: list[Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    (films[0] / "broken.png").write_bytes(b"no film")
    Image.new("L", (96, 96), GRAY).save(films[1] / "gray.png")

    told = refused(
        "2 films could not be taken", tmp_path / "out.json", *films, "--encoder", tiny_bundle
    )

    assert f"{films[0]}/broken.png: " in told
    assert f"{films[1]}/gray.png: " in told


def test_measure_spectrum_names_a_film_that_the_encoder_finds_nothing_on(
    films: list[Path], tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(session: EncoderSession, image: Image.Image) -> np.ndarray:
        if image.size == (64, 64):
            raise EncodingError("tiny")
        return np.eye(DIMENSIONS)[0]

    monkeypatch.setattr(EncoderSession, "encode", encode)
    Image.linear_gradient("L").resize((64, 64)).save(films[1] / "odd.png")

    told = refused(
        "1 films could not be taken", tmp_path / "out.json", *films, "--encoder", tiny_bundle
    )

    assert f"{films[1]}/odd.png: the encoder finds nothing" in told


def test_measure_spectrum_counts_a_film_once(
    films: list[Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    shutil.copy(films[0] / "1.png", films[1] / "copy.png")
    output = tmp_path / "spectrum.json"

    measure(*films, films[0], "--output", output, "--encoder", tiny_bundle)

    assert json.loads(output.read_text())["films"] == FILMS


def test_measure_spectrum_refuses_too_few_films(
    films: list[Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    for number in (1, 3, 5):
        (films[0] / f"{number}.png").unlink()

    refused(
        "49 different films: at least 50", tmp_path / "o.json", *films, "--encoder", tiny_bundle
    )


def test_measure_spectrum_refuses_what_is_no_folder(
    films: list[Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    output, nowhere = tmp_path / "o.json", tmp_path / "nowhere"

    refused(f"No such folder: {nowhere}", output, *films, nowhere, "--encoder", tiny_bundle)
    refused(f"{nowhere}/encoder.json", output, *films, "--encoder", nowhere)
    refused("can't be written", nowhere / "o.json", *films, "--encoder", tiny_bundle)


def test_measure_spectrum_needs_no_database_for_a_bundle(
    films: list[Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    output: Any = tmp_path / "spectrum.json"
    words = ["measure_spectrum", *films, "--output", output, "--encoder", tiny_bundle]
    done = subprocess.run(
        [sys.executable, "manage.py", *map(str, words)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert f"{FILMS}/{FILMS}" in done.stderr
    assert output.exists()
