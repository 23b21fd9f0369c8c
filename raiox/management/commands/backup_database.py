"""`manage.py backup_database`: a dump of the database into object storage."""

from typing import Any

from django.conf import settings

from implants.management.base import ExampleCommand
from raiox.backups.dumping import back_up
from raiox.backups.keeping import delete_old
from raiox.backups.newest import shrinkage
from raiox.backups.postgres import Database
from raiox.management.backups import configured_keys, in_words, progress_bar, told


class Command(ExampleCommand):
    """Nothing touches this machine's disk; what does not end well is no backup."""

    help = (
        "Store a dump of the database in BACKUP_BUCKET, encrypted by BACKUP_ENCRYPTION_KEY, with "
        "its SHA-256 and what was in it; then delete those older than BACKUP_DAYS. A database in "
        "which nothing was installed is refused."
    )
    examples = """examples:
  manage.py backup_database

BACKUP_ENCRYPTION_KEY is a key of age, as age-keygen writes it. What was broken off is done anew by
the next run. A backup can be opened without this program:
  age --decrypt --identity key.txt BACKUP.dump.age | pg_restore --no-owner --dbname=raiox
"""

    def handle(self, *_: Any, **options: Any) -> None:
        """Back up; raises `CommandError` if there is no new backup."""
        with told():
            keys = configured_keys()
            if not keys:
                self.stderr.write(
                    "BACKUP_ENCRYPTION_KEY is empty: this backup is NOT encrypted, and whoever "
                    f"reads the bucket {settings.BACKUP_BUCKET} reads patients' data."
                )
            with progress_bar() as bar:
                backup = back_up(Database.configured(), keys, bar.update)
            self.stdout.write(in_words(backup))
            if lost := shrinkage(backup):
                self.stderr.write(lost)
            for key in delete_old(backup):
                self.stdout.write(f"Deleted, old or broken off: {key}")
