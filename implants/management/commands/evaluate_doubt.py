"""`manage.py evaluate_doubt`: does an encoder know what it does not know?"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from implants.calibration.strangers import contact_sheet, document
from implants.calibration.trial import Film, Picture, render, try_out
from implants.demo.renderer import VIEWS
from implants.demo.systems import DEMO_SYSTEMS
from implants.encoders.active import active
from implants.encoders.bundle import EncoderUnavailable, load_bundle
from implants.encoders.session import EncoderSession
from implants.management.base import ExampleCommand, table
from implants.radiograph import MAX_BYTES, RadiographError, open_radiograph

_PICTURES: Final = 60
_WORDS: Final = ("high", "medium", "low", "out_of_catalogue")


class Command(ExampleCommand):
    """Renders the demo catalogue and films of patients; stores nothing."""

    help = "Measure how well an encoder rejects implants that are not in the catalogue."
    examples = """examples:
  manage.py evaluate_doubt
  manage.py evaluate_doubt --encoder var/encoders/clip-vit-b-32-openai --json
  manage.py evaluate_doubt --pictures photographs/

One implant in five is held out of the rendered demo catalogue, five times over. AUROC: how often
the best similarity of a film whose implant is in the catalogue exceeds that of one whose implant
was held out (0.5 is chance). Words: what the first suggestion is called, by thresholds learned from
the rest of the catalogue, how many films get the word, for how many the suggestion was right, and
how many were of implants held out. Pictures that are no radiographs: pages, contact sheets, and the
images of a folder with --pictures.

Takes some minutes; after an interruption, run it again. With --encoder no database is needed.
"""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which encoder, which pictures, and how to print it."""
        parser.add_argument(
            "--encoder", metavar="DIR", type=Path, help="a bundle's folder (default: the active)"
        )
        parser.add_argument(
            "--pictures",
            metavar="DIR",
            type=Path,
            help="images that are no radiographs, to be rejected as well",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the figures; raises `CommandError` without an encoder or readable pictures."""
        try:
            session = _session(options["encoder"])
            pictures = _pictures(options["pictures"])
            catalogue, queries = _films(query=False), _films(query=True)
            found = try_out(session, catalogue, queries, {**_made(catalogue), **pictures})
        except EncoderUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(found, indent=2) if options["json"] else _text(found))


def _session(folder: Path | None) -> EncoderSession:
    if folder is None:
        return active().session
    return EncoderSession(load_bundle(folder), settings.ENCODER_THREADS)


def _films(*, query: bool) -> list[Film]:
    wanted = [
        (number, system, view) for number, system in enumerate(DEMO_SYSTEMS) for view in VIEWS
    ]
    title = "films of patients" if query else "catalogue"
    return [render(*film, query=query) for film in tqdm(wanted, title, unit="film", mininterval=1)]


def _made(films: list[Film]) -> dict[str, list[Picture]]:
    images = [film.image for film in films]
    return {
        "pages": [Picture(document(seed), None) for seed in range(_PICTURES)],
        "contact_sheets": [Picture(contact_sheet(images, seed), None) for seed in range(_PICTURES)],
    }


def _pictures(folder: Path | None) -> dict[str, list[Picture]]:
    if folder is None:
        return {}
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            with path.open("rb") as file:
                film = open_radiograph(file.read(MAX_BYTES + 1))
        except RadiographError as error:
            raise CommandError(f"{path}: {error}") from error
        found.append(Picture(film.image, film.colour))
    if not found:
        raise CommandError(f"There is no image in {folder}.")
    return {folder.name: found}


def _text(found: dict[str, Any]) -> str:
    words = [
        [f"{kind} {word}", *(str(found[kind]["words"][word][count]) for count in _COUNTS)]
        for kind in ("whole_film", "region")
        for word in _WORDS
    ]
    pictures = [
        [name, *(f"{row[figure]:.3f}" for figure in _FIGURES)]
        for name, row in found["no_radiographs"].items()
    ]
    return "\n".join([
        f"Encoder: {found['encoder']}, {found['references']} references, {found['queries']} films",
        f"AUROC, one implant in five held out: whole film {found['whole_film']['auroc']:.3f}, "
        f"region {found['region']['auroc']:.3f}",
        f"Films of an implant with a concern: {found['films_with_a_concern']:.3f}",
        "",
        table(["word", "films", "right", "held out"], words),
        "",
        table(["no radiographs", *(name.replace("_", " ") for name in _FIGURES)], pictures),
    ])  # fmt: skip


_COUNTS: Final = ("films", "right", "held_out")
_FIGURES: Final = ("auroc", "out_of_catalogue", "with_a_concern", "flagged")
