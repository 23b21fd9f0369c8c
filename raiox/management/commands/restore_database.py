"""`manage.py restore_database`: a backup back into the database."""

from argparse import ArgumentParser
from typing import Any

from django.db import connection

from implants.management.base import ExampleCommand
from raiox.backups.postgres import Database
from raiox.backups.restoring import dropping, restore
from raiox.management.backups import chosen, configured_keys, in_words, progress_bar, told


class Command(ExampleCommand):
    """The new database takes its place once it is proved; the old one is kept under a name."""

    help = (
        "Restore a backup of the database: check its SHA-256, restore it beside, compare it with "
        "what was noted when it was made, and put it in place. A database that holds something is "
        "refused without --replace. Stop web and workers before."
    )
    examples = """examples:
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
            database = Database.configured()
            target = database.sibling(options["into"]) if options["into"] else database
            backup = chosen(options["backup"])
            self.stdout.write(in_words(backup))
            connection.close()  # it would be sent away with all others
            with progress_bar(2 * backup.size) as bar:
                kept, unset = restore(
                    backup, target, configured_keys(), bar.update, replace=options["replace"]
                )
        moment = f"{backup.when:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(f"Restored into {target.name}, as it was on {moment}.")
        for setting in unset:
            self.stdout.write(f"Not put back, a superuser must: ALTER DATABASE … SET {setting}")
        self.stdout.write("Now: manage.py migrate, manage.py purge_expired,")
        if kept:
            self.stdout.write(
                f"manage.py repeat_erasures {kept}, and start web and workers. What was there is "
                f"kept as {kept}: it holds patients' data that nothing deletes. Once all is well:"
            )
            self.stdout.write(dropping([kept]))
        else:
            self.stdout.write(
                "manage.py erase_case for what was erased since the backup, start web and workers."
            )
