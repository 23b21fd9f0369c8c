"""From labelled films to what is compared: vectors of encoders, and the bare pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from implants.encoders.preprocessing import prepare
from implants.encoders.session import EncoderSession, EncodingError
from implants.evaluation.samples import EvaluationError, Sample
from implants.radiograph import MAX_BYTES, Radiograph, RadiographError, open_radiograph

RAW_SIDE: Final = 32
"""Side of the pictures that the raw-pixel baseline compares: a silhouette, hardly a thread."""

_FLAT: Final = 1e-3
"""A picture that varies less is of a single shade, but for rounding."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoded:
    """All films by one encoder, in the order of the samples.

    `vectors` (n, 512) and `raw_pixels` (n, 1024) have rows of length 1; a film of a single shade
    has a row of zeros in the latter.
    """

    vectors: Vectors
    raw_pixels: Vectors


def encode_samples(
    samples: Sequence[Sample], sessions: Sequence[EncoderSession]
) -> tuple[list[Encoded], list[str]]:
    """The films by each encoder, and the SHA-256 of each film's bytes. Progress goes to stderr.

    Each film is opened once, in the way a query is. Raises `EvaluationError` with the names of all
    that can't be taken: figures over the rest would be figures of another set.
    """
    found: list[list[tuple[Vectors, Vectors]]] = [[] for _ in sessions]
    digests: list[str] = []
    refused: list[str] = []
    for sample, film in _open_all(samples, refused):
        digests.append(film.sha256)
        try:
            for rows, session in zip(found, sessions, strict=True):
                rows.append(_encode(session, sample, film))
        except EncodingError:
            refused.append(f"{sample.path}: the encoder finds nothing to compare on it.")
    if refused:
        reasons = "\n".join(refused)
        raise EvaluationError(f"{len(refused)} films could not be taken:\n{reasons}")
    return [_stacked(rows) for rows in found], digests


def raw_pixels(prepared: Vectors) -> Vectors:
    """An encoder's input (1, 3, size, size) made tiny, its mean removed: (1024,), length 1 or 0."""
    picture = Image.fromarray(prepared[0, 0]).resize((RAW_SIDE, RAW_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(picture, dtype=np.float64).ravel()
    centred = pixels - pixels.mean()
    length = np.linalg.norm(centred)
    return (centred / length if length > _FLAT else np.zeros_like(centred)).astype(np.float32)


def _open_all(samples: Sequence[Sample], refused: list[str]) -> Iterator[tuple[Sample, Radiograph]]:
    for sample in tqdm(samples, "encoding", unit="film", mininterval=1):
        try:
            with sample.path.open("rb") as file:
                film = open_radiograph(file.read(MAX_BYTES + 1))
        except (OSError, RadiographError) as error:
            refused.append(f"{sample.path}: {error}")
        else:
            yield sample, film


def _encode(session: EncoderSession, sample: Sample, film: Radiograph) -> tuple[Vectors, Vectors]:
    prepared = prepare(film.image, session.bundle.preprocessing, sample.region)
    return session.embed(prepared)[0], raw_pixels(prepared)


def _stacked(rows: list[tuple[Vectors, Vectors]]) -> Encoded:
    vectors, pixels = zip(*rows, strict=True)
    return Encoded(np.stack(vectors), np.stack(pixels))
