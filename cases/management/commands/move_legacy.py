"""`manage.py move_legacy`: empties `clientes/`."""

import csv
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from cases.legacy import (
    LegacyError,
    Named,
    check,
    legacy_films,
    move_to_catalogue,
    move_to_uploads,
    place_among_uploads,
)
from implants.management.base import ExampleCommand

Work = Mapping[str, Callable[[], bool | None]]
"""What is to be done with each file; False: it was done before."""


class Command(ExampleCommand):
    """Shows what it would do, until it is told to do it."""

    help = (
        "Move films of the earlier service out of clientes/: all of them to uploads/legado/, where "
        "they are deleted after RETENTION_DAYS like every patient's film, or single ones, each "
        "with its implant named, into the catalogue under referencia/, as copies without metadata."
    )
    examples = """examples:
  manage.py move_legacy referencia --file "clientes/a.jpg" --implant "Straumann BLX"
  manage.py move_legacy referencia --list films.csv --apply     # columns: file,implant
  manage.py move_legacy uploads                                 # what would be moved
  manage.py move_legacy uploads --apply

First the single ones, then the rest. A patient's film becomes a reference with consent only.
After an interruption, run the same command again.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to, which, and whether it is meant."""
        parser.add_argument("to", choices=["uploads", "referencia"], help="where to")
        parser.add_argument("--file", help="one file, with --implant")
        parser.add_argument("--implant", help="manufacturer and name, or its number")
        parser.add_argument("--list", type=Path, metavar="CSV", help="columns: file,implant")
        parser.add_argument("--apply", action="store_true", help="do it")

    def handle(self, *_: Any, **options: Any) -> None:
        """Move, or show; raises `CommandError` if a file was refused."""
        if options["to"] == "uploads":
            if options["file"] or options["list"] or options["implant"]:
                raise CommandError("--file, --implant and --list are for referencia.")
            move = move_to_uploads if options["apply"] else self._show_place
            work: Work = {name: partial(move, name) for name in legacy_films()}
        else:
            move_one = move_to_catalogue if options["apply"] else self._show_film
            work = {film.name: partial(move_one, film) for film in _named(options)}
        self._do(work, apply=options["apply"])

    def _show_place(self, name: str) -> None:
        self.stdout.write(f"{name} -> {place_among_uploads(name)}")

    def _show_film(self, film: Named) -> bool:
        is_new = check(film)
        self.stdout.write(f"{film.name} -> {film.implant}" + ("" if is_new else " (done before)"))
        return is_new

    def _do(self, work: Work, *, apply: bool) -> None:
        done, before, failures = 0, 0, 0
        for name, move in tqdm(work.items(), unit="film", disable=None if apply else True):
            try:
                if move() is False:
                    before += 1
                else:
                    done += 1
            except LegacyError as error:
                failures += 1
                self.stderr.write(f"{name}: {error}")
        said = "moved" if apply else "would be moved (--apply moves them)"
        self.stdout.write(f"{done} {said}, {before} done before, {failures} refused.")
        if failures:
            raise CommandError(f"{failures} refused (listed above).")


def _named(options: dict[str, Any]) -> list[Named]:
    if options["list"]:
        try:
            with options["list"].open(encoding="utf-8-sig", newline="") as file:
                return [Named(row["file"], row["implant"]) for row in csv.DictReader(file)]
        except (OSError, KeyError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['list']} has no columns file,implant: {error}") from error
    if not (options["file"] and options["implant"]):
        raise CommandError("Say --file and --implant, or --list.")
    return [Named(options["file"], options["implant"])]
