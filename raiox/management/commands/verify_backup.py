"""`manage.py verify_backup`: does the newest backup come back?"""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.utils import timezone

from implants.management.base import ExampleCommand, table
from raiox.backups.errors import BackupError
from raiox.backups.newest import Backup, database_bucket, shrinkage
from raiox.backups.postgres import Database
from raiox.backups.restoring import check_sha256, restored
from raiox.management.backups import chosen, configured_keys, in_words, progress_bar, told


class Command(ExampleCommand):
    """What fails here ends with an exit code that a timer's OnFailure= tells people of."""

    help = (
        "Restore the newest backup of the database into a scratch database, compare rows and "
        "checksums of all tables, vectors included, with those noted when it was made, and drop "
        "it again. Fails if anything differs, if nothing is in it, or if the newest backup is too "
        "old."
    )
    examples = """examples:
  manage.py verify_backup
  manage.py verify_backup 2026-03-01T05-00-00.123Z --max-age-hours 0

The account needs the right to create databases (ALTER ROLE raiox CREATEDB) and, unless it is a
superuser, the extension vector in template1. Run again what was broken off.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which backup, and how old it may be."""
        parser.add_argument(
            "backup", nargs="?", default="", help="its name in the bucket (default: the newest)"
        )
        parser.add_argument(
            "--max-age-hours",
            type=float,
            default=48,
            help="fail if it is older (default: 48; 0: whatever its age)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Verify; raises `CommandError` if the backup would not help."""
        with told():
            backup = chosen(options["backup"])
            self.stdout.write(in_words(backup))
            if lost := shrinkage(backup):
                self.stderr.write(lost)
            with progress_bar(2 * backup.size) as bar:
                check_sha256(database_bucket(), backup.manifest, bar.update)
                with restored(backup, Database.configured(), configured_keys(), bar.update):
                    pass  # that it was restored and is the same is all there is to know
            _refuse_old(backup, options["max_age_hours"])
        rows = [[name, str(found.rows)] for name, found in backup.manifest.tables.items()]
        self.stdout.write(table(["table", "rows"], rows))
        self.stdout.write("The backup is whole: every table is as it was backed up.")


def _refuse_old(backup: Backup, hours: float) -> None:
    age = timezone.now() - backup.when
    if hours and age > timedelta(hours=hours):
        raise BackupError(
            f"The backup is whole, but {age.total_seconds() / 3600:.0f} hours old: see why no "
            "newer one was made (manage.py backup_database)."
        )
