"""`manage.py measure_spectrum`: how an encoder's vectors of a folder's films spread."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from implants.benchmark.distribution import MIN_VECTORS
from implants.benchmark.spectrum import SpectrumError, spectrum_of
from implants.encoders.active import active
from implants.encoders.bundle import EncoderUnavailable, load_bundle, version_of
from implants.encoders.session import EncoderSession, EncodingError
from implants.management.base import ExampleCommand
from implants.radiograph import MAX_BYTES, Radiograph, RadiographError, open_radiograph


class Command(ExampleCommand):
    """Encodes films for a statistic of them all; neither films nor vectors are stored."""

    help = "Measure how an encoder's vectors of some films spread, for bench_search --spectrum."
    examples = f"""examples:
  manage.py measure_spectrum films/ --output var/spectrum.json
  manage.py measure_spectrum films/ more/ --output spectrum.json --encoder var/encoders/my-encoder

All files in the folders are taken, and in folders within them; a film that comes twice counts
once. At least {MIN_VECTORS} are needed. The file has the mean of their vectors and the variances
along the axes of their covariance, not these axes: no film can be got back from it.

A film that can't be opened is named and nothing is written. After an interruption, run the same
command again. With --encoder no database is needed.
"""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The films, the encoder, and where its spectrum is written."""
        parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="films")
        parser.add_argument(
            "--output", metavar="FILE", type=Path, required=True, help="the JSON file to write"
        )
        parser.add_argument(
            "--encoder", metavar="DIR", type=Path, help="a bundle's folder (default: the active)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Write the file; raises `CommandError` where that can't be done, and then writes none."""
        output: Path = options["output"]
        try:
            name, version, session = _encoder(options["encoder"])
            vectors = _encoded(session, _files(options["folders"]))
            found = spectrum_of(vectors, name, version)
            output.write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
        except (EncoderUnavailable, SpectrumError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{output} can't be written: {error.strerror}") from error
        flatness = found.variances.sum() ** 2 / (found.variances**2).sum()
        self.stdout.write(
            f"{output}: {found.films} films by {name} ({version}), which spread as if along"
            f" {flatness:.0f} of {len(found.variances)} directions."
        )


def _encoder(folder: Path | None) -> tuple[str, str, EncoderSession]:
    """Name and version as its row has them, and the encoder itself."""
    if folder is None:
        found = active()
        return found.name, found.version, found.session
    bundle = load_bundle(folder)
    return bundle.name, version_of(bundle), EncoderSession(bundle, settings.ENCODER_THREADS)


def _files(folders: list[Path]) -> list[Path]:
    if missing := [str(folder) for folder in folders if not folder.is_dir()]:
        raise SpectrumError(f"No such folder: {', '.join(missing)}")
    return sorted({path for folder in folders for path in folder.rglob("*") if path.is_file()})


def _encoded(session: EncoderSession, files: list[Path]) -> np.ndarray:
    """The vectors (n, 512) of the films; raises `SpectrumError` with the names of those refused."""
    vectors: dict[str, np.ndarray] = {}
    refused: list[str] = []
    for path, film in _films(files, refused):
        try:
            vectors[film.sha256] = session.encode(film.image)
        except EncodingError:
            refused.append(f"{path}: the encoder finds nothing to compare on it.")
    if refused:
        reasons = "\n".join(refused)
        raise SpectrumError(f"{len(refused)} films could not be taken:\n{reasons}")
    return np.array(list(vectors.values()))


def _films(files: list[Path], refused: list[str]) -> Iterator[tuple[Path, Radiograph]]:
    for path in tqdm(files, "encoding", unit="film", mininterval=1):
        try:
            with path.open("rb") as file:
                film = open_radiograph(file.read(MAX_BYTES + 1))
        except (OSError, RadiographError) as error:
            refused.append(f"{path}: {error}")
        else:
            yield path, film
