"""`manage.py restore_database`: a backup back into the database."""

from argparse import ArgumentParser
from typing import Any

from django.db import connection

from implants.management.base import ExampleCommand
from raiox.backups.newest import all_backups, shrinkage
from raiox.backups.postgres import Database
from raiox.backups.restoring import Restored, dropping, restore
from raiox.management.backups import (
    chosen,
    configured_keys,
    in_words,
    listed,
    progress_bar,
    told,
)


class Command(ExampleCommand):
    """The new database takes its place once it is proved; the old one is kept under a name."""

    help = (
        "Restore a backup of the database: check its SHA-256, restore it beside, compare it with "
        "what was noted when it was made, and put it in place. A database that holds something is "
        "refused without --replace. Stop web, workers and the timers of the backups before."
    )
    examples = """examples:
  manage.py restore_database --list                         # which backups there are
  manage.py restore_database                                # the newest, into an empty database
  manage.py restore_database 2026-03-01T05-00-00.123Z --replace
  manage.py restore_database production/database/2026-03-01T05-00-00.123Z --into raiox_rehearsal

The account needs the right to create databases (ALTER ROLE raiox CREATEDB) and, unless it is a
superuser, the extension vector in template1. Run again what was broken off.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which backup, where to, and whether something may be replaced."""
        parser.add_argument(
            "backup", nargs="?", default="", help="its name in the bucket (default: the newest)"
        )
        parser.add_argument(
            "--list", action="store_true", help="only tell which backups there are, newest first"
        )
        parser.add_argument(
            "--into", metavar="NAME", help="another database of the same server, made if missing"
        )
        parser.add_argument(
            "--replace",
            action="store_true",
            help="where the database holds something: rename it, put the backup in its place",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Restore; raises `CommandError`, and then the database is as it was."""
        with told():
            if options["list"]:
                self.stdout.write(listed(all_backups()))
                return
            database = Database.configured()
            target = database.sibling(options["into"]) if options["into"] else database
            backup = chosen(options["backup"])
            self.stdout.write(in_words(backup))
            if lost := shrinkage(backup):
                self.stderr.write(lost)
            connection.close()  # it would be sent away with all others
            with progress_bar(2 * backup.size) as bar:
                restored = restore(
                    backup, target, configured_keys(), bar.update, replace=options["replace"]
                )
        moment = f"{backup.when:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(f"Restored into {target.name}, as it was on {moment}.")
        self._tell_what_follows(restored)

    def _tell_what_follows(self, restored: Restored) -> None:
        """In the order of the runbook (deploy/OPERACAO.md, "Restaurar")."""
        kept, unset = restored
        for setting in unset:
            self.stdout.write(f"Not put back, a superuser must: ALTER DATABASE … SET {setting}")
        again = f"repeat_erasures {kept}" if kept else "erase_case for what was erased since then"
        self.stdout.write("Now, by manage.py and in this order:")
        for step in ("migrate", again, "sweep_jotform", "purge_expired"):
            self.stdout.write(f"  {step}")
        self.stdout.write("and start web, workers and the timers of the backups.")
        if kept:
            self.stdout.write(
                f"What was there is kept as {kept}: it holds patients' data that nothing deletes. "
                "Once all is well:"
            )
            self.stdout.write(dropping([kept]))
