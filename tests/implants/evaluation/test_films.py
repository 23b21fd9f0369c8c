"""Films as they are compared: through the same door and the same preprocessing as queries."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from implants.encoders.bundle import load_bundle
from implants.encoders.session import EncoderSession
from implants.evaluation.films import encode_samples
from implants.evaluation.samples import EvaluationError, Sample
from implants.radiograph import open_radiograph
from implants.region import Region
from tests.implants.conftest import film, write_film
from tests.implants.tiny_encoder import GRAY, write_bundle


@pytest.fixture
def session(tmp_path: Path) -> EncoderSession:
    return EncoderSession(load_bundle(write_bundle(tmp_path / "tiny")))


def sample(path: Path, region: Region | None = None) -> Sample:
    """A film, of any label and group."""
    return Sample(path, "A", "p", region)


def test_encode_samples_gives_what_the_encoder_gives(
    session: EncoderSession, tmp_path: Path
) -> None:
    half = Region(0.5, 0, 0.5, 1)
    path = write_film(tmp_path / "1.png", 1)
    (found,), digests = encode_samples([sample(path), sample(path, half)], [session])

    image = open_radiograph(film(1)).image
    assert np.array_equal(found.vectors, session.encode_batch([(image, None), (image, half)]))
    assert digests == [open_radiograph(film(1)).sha256] * 2
    assert found.raw_pixels.shape == (2, 1024)
    assert found.raw_pixels[0] @ found.raw_pixels[1] < 0.99  # the region counts here as well


def test_encode_samples_gives_each_encoder_its_own(session: EncoderSession, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other")
    description = other / "encoder.json"
    description.write_text(description.read_text().replace('"pad_value": 0', '"pad_value": 200'))
    wide = Region(0, 0.25, 1, 0.25)
    samples = [sample(write_film(tmp_path / "1.png", 1), wide)]
    sessions = [session, EncoderSession(load_bundle(other))]
    (first, second), _ = encode_samples(samples, sessions)

    assert np.array_equal(first.vectors, encode_samples(samples, [session])[0][0].vectors)
    assert not np.allclose(first.vectors, second.vectors)
    assert not np.allclose(first.raw_pixels, second.raw_pixels)


def test_raw_pixels_have_no_mean_and_length_one(session: EncoderSession, tmp_path: Path) -> None:
    samples = [sample(write_film(tmp_path / f"{n}.png", n)) for n in range(3)]
    (found,), _ = encode_samples(samples, [session])

    assert np.allclose(found.raw_pixels.mean(axis=1), 0, atol=1e-6)
    assert np.allclose(np.linalg.norm(found.raw_pixels, axis=1), 1, atol=1e-5)


def test_raw_pixels_of_a_single_shade_are_zeros(session: EncoderSession, tmp_path: Path) -> None:
    pixels = np.full((96, 96), 200, dtype=np.uint8)
    pixels[:, :48] = np.arange(48)
    Image.fromarray(pixels).save(tmp_path / "half.png")
    (found,), _ = encode_samples(
        [sample(tmp_path / "half.png", Region(0.5, 0, 0.5, 0.5))], [session]
    )

    assert not found.raw_pixels.any()


def test_encode_samples_names_every_film_that_cannot_be_taken(
    session: EncoderSession, tmp_path: Path
) -> None:
    (tmp_path / "page.png").write_bytes(b"<html>")
    Image.new("L", (96, 96), GRAY).save(tmp_path / "blank.png")
    good = write_film(tmp_path / "good.png", 1)
    pixels = np.asarray(Image.open(good)).copy()
    pixels[:48, :48] = GRAY
    Image.fromarray(pixels).save(tmp_path / "gray.png")
    samples = [
        sample(good),
        sample(tmp_path / "gone.png"),
        sample(tmp_path / "page.png"),
        sample(good),
        sample(tmp_path / "blank.png"),
        sample(tmp_path / "gray.png", Region(0, 0, 0.5, 0.5)),
    ]

    with pytest.raises(EvaluationError) as refused:
        encode_samples(samples, [session])

    message = str(refused.value)
    assert message.startswith("4 films")
    for name in ("gray.png", "gone.png", "page.png", "blank.png"):
        assert name in message
    assert "good.png" not in message
