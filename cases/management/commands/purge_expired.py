"""`manage.py purge_expired`: patients' films and personal data whose time is over."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from cases.privacy.retention import expired_cases, expired_events, purge_expired
from implants.management.base import ExampleCommand


class Command(ExampleCommand):
    """What the worker does each night, at once."""

    help = (
        "Delete the images and personal data of submissions of which nothing was received for "
        "RETENTION_DAYS. What was found stays, without them."
    )
    examples = """examples:
  manage.py purge_expired --dry-run
  manage.py purge_expired
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to delete."""
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *_: Any, **options: Any) -> None:
        """Delete, or count what would be."""
        days = settings.RETENTION_DAYS
        if options["dry_run"]:
            cases, events = expired_cases().count(), expired_events().count()
            self.stdout.write(f"Older than {days} days: {cases} cases, {events} webhooks.")
            return
        done = purge_expired()
        self.stdout.write(
            f"Older than {days} days: data of {done.cases} cases and {done.events} webhooks, "
            f"{done.access_records} old access records, {done.strays} films without a case deleted."
        )
