"""`manage.py seed_systems`: the published implant systems as facts with their sources."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, transaction

from implants.history import field_labels
from implants.management.base import ExampleCommand
from implants.models import Implant
from implants.published import SYSTEMS
from implants.seeding.systems import Written, complete_system


class _DryRun(Exception):
    """Ends the transaction without a trace."""


class Command(ExampleCommand):
    """Creates what is missing, fills what is empty, leaves what curators wrote."""

    help = "Add the published implant systems to the catalogue: facts with their sources, no films."
    examples = """examples:
  manage.py seed_systems --dry-run
  manage.py seed_systems

It may be run again at any time: fields that somebody filled stay as they are. An implant that
came with the demo becomes a real one; its rendered radiographs stay marked as demo.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to write."""
        parser.add_argument("--dry-run", action="store_true", help="say what it would do, no more")

    def handle(self, *_: Any, dry_run: bool, **__: Any) -> None:
        """All or nothing; raises `CommandError` if the database refuses."""
        written: list[Written] = []
        try:
            with transaction.atomic():
                written += [complete_system(system) for system in SYSTEMS]
                if dry_run:
                    raise _DryRun
        except _DryRun:
            self.stdout.write("Dry run: nothing was written.")
        except DatabaseError as error:
            raise CommandError(f"Nothing was written: {error}") from error
        self._report(written)

    def _report(self, written: list[Written]) -> None:
        for one in written:
            if one.created:
                self.stdout.write(f"created: {one.implant}")
            elif one.filled:
                self.stdout.write(f"filled: {one.implant}: {_labels(one.filled)}")
        created = sum(one.created for one in written)
        filled = sum(bool(one.filled) for one in written)
        same = len(written) - created - filled
        self.stdout.write(f"{created} created, {filled} filled, {same} unchanged.")


def _labels(names: tuple[str, ...]) -> str:
    own = {field.name for field in Implant._meta.get_fields()}
    return ", ".join(field_labels([name]) if name in own else name for name in names)
