"""`manage.py check_migrations`: may the pending migrations run while the service does?"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from raiox.pending_migrations import objections, pending

_HELP = """\
Look at the SQL of the migrations that are not applied yet, and refuse what would lock a large table
for long, or would break the code of before, which runs until the new one does and again when a
release is taken back. Nothing is changed.

A migration of ours that is right all the same says why in its class: accepted = {"rule": "reason"}.
--accept does so for one of a library.

Examples:
  manage.py check_migrations
  manage.py check_migrations --accept auth.0013_something
"""


class Command(BaseCommand):
    """Run by each release before it migrates; exits with 1 when something speaks against it."""

    help = _HELP

    def create_parser(self, *args: Any, **options: Any) -> Any:
        """Keep the lines of the examples."""
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What somebody has looked at already."""
        parser.add_argument(
            "--accept",
            action="append",
            default=[],
            metavar="APP.MIGRATION",
            help="somebody has read what speaks against this one; repeatable",
        )

    def handle(self, *args: Any, accept: list[str], **options: Any) -> None:
        """Judge all that are pending together: later ones know the tables of earlier ones."""
        migrations = pending()
        unknown = set(accept) - {str(migration) for migration in migrations}
        if unknown:
            raise CommandError(f"Not pending: {', '.join(sorted(unknown))}.")
        found = [each for each in objections(migrations) if each.migration not in accept]
        for each in found:
            self.stderr.write(f"{each.migration}: {each.statement}\n  {each.rule}: {each.why}")
        if found:
            raise CommandError("See manage.py check_migrations --help for what can be done.")
        self.stdout.write(f"{len(migrations)} pending, nothing speaks against them.")
