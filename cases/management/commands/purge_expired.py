"""`manage.py purge_expired`: patients' films and personal data whose time is over."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from cases.privacy.retention import expired_cases, expired_events, purge_expired
from cases.privacy.strays import Strays, find_strays
from implants.management.base import ExampleCommand


class Command(ExampleCommand):
    """What the worker does each night, at once."""

    help = (
        "Delete the images and personal data of submissions of which nothing was received for "
        "RETENTION_DAYS. What was found stays, without them. Films that no row of the database "
        "names go too, but not those of an empty database, nor more than half of all."
    )
    examples = """examples:
  manage.py purge_expired --dry-run
  manage.py purge_expired

After a restore: restore_database says what comes before it.
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to delete, and whether everything."""
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument(
            "--accept-deletions",
            action="store_true",
            help="delete films without a row though they are more than half, or all there are",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Delete, or count what would be; raises `CommandError` if films without a row are left."""
        days = settings.RETENTION_DAYS
        if options["dry_run"]:
            cases, events = expired_cases().count(), expired_events().count()
            self.stdout.write(f"Older than {days} days: {cases} cases, {events} webhooks.")
            for found in find_strays():
                self.stdout.write(f"{_counted(found)}.")
            return
        done = purge_expired(accept_deletions=options["accept_deletions"])
        self.stdout.write(
            f"Older than {days} days: data of {done.cases} cases and {done.events} webhooks, films "
            f"alone of {done.films_alone} cases whose answer waits, "
            f"{done.access_records} old access records, {done.strays} films without a row deleted."
        )
        if done.refused:
            raise CommandError(
                f"{'; '.join(map(_counted, done.refused))}: they stay where they are. Is this "
                "database empty, or older than they are? Restore the right one; or say "
                "--accept-deletions if they were meant to be deleted."
            )


def _counted(found: Strays) -> str:
    return f"{len(found.names)} of {found.among} films in {found.folder} are named by no row"
