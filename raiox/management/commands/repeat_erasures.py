"""`manage.py repeat_erasures`: what was erased stays erased after a restore."""

from argparse import ArgumentParser
from typing import Any

import psycopg
from django.core.management.base import CommandError

from cases.privacy.erasure import erase_again
from implants.management.base import ExampleCommand
from raiox.backups.postgres import Database
from raiox.management.backups import told


class Command(ExampleCommand):
    """A backup is older than what was erased since."""

    help = (
        "After a restore: erase again what had been erased in the database that was replaced, and "
        "remember it. Safe to repeat."
    )
    examples = """examples:
  manage.py repeat_erasures raiox_before_20260301_061500_123456

restore_database says the name. Where the old database is lost, erase by hand (erase_case) what was
asked for since the backup was made.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which database knows."""
        parser.add_argument("database", help="the one that restore_database kept")

    def handle(self, *_: Any, **options: Any) -> None:
        """Erase; raises `CommandError` if the other database can't be read."""
        with told(), Database.configured().sibling(options["database"]).connect() as kept:
            digests = _digests(kept)
        count = erase_again(digests)
        self.stdout.write(f"{len(digests)} erasures known, {count} submissions erased again.")


def _digests(kept: psycopg.Connection[tuple[Any, ...]]) -> list[str]:
    try:
        return [row[0] for row in kept.execute("SELECT digest FROM erased_submissions")]
    except psycopg.errors.UndefinedTable as error:
        raise CommandError(f"{kept.info.dbname} knows of no erasures.") from error
