"""`manage.py check_environment`: are database and buckets those of this environment?"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from raiox import installation

_HELP = """\
Ask the database, the films' bucket and those for backups to which environment they belong, and fail
when that is another one than RAIOX_ENV. Each release does so before it touches them.

--claim writes this environment's name where there is none yet, and takes a new bucket over once the
films were moved there. A name that is there is never overwritten.

Examples:
  manage.py check_environment
  manage.py check_environment --claim
"""


class Command(BaseCommand):
    """May be run at any time."""

    help = _HELP
    # What it would say is what this command is for.
    requires_system_checks = []

    def create_parser(self, *args: Any, **options: Any) -> Any:
        """Keep the lines of the examples."""
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Look, or write."""
        parser.add_argument("--claim", action="store_true", help="write the name where none is")

    def handle(self, *args: Any, claim: bool, **options: Any) -> None:
        """Look at all of them; write if told to."""
        if claim:
            try:
                installation.claim()
            except installation.Foreign as error:
                raise CommandError(str(error)) from error
        problem = (
            installation.database_problem()
            or installation.bucket_problem()
            or installation.backups_problem()
        )
        if problem:
            raise CommandError(f"{problem.what} {problem.hint}")
        if options["verbosity"]:
            state = "ours" if installation.is_claimed() else "nobody's yet"
            self.stdout.write(f"Database and bucket are {state}.")
