"""`manage.py export_case`: everything that is held about one submission."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cases.management.submissions import add_submission_arguments, wanted
from cases.privacy.export import export
from implants.management.base import ExampleCommand


class Command(ExampleCommand):
    """For a patient's or dentist's request; the export is noted among the accesses."""

    help = "Write everything that is held about a submission into a ZIP: rows as JSON, and films."
    examples = """examples:
  manage.py export_case 123 --output case-123.zip
  manage.py export_case --submission 240000000000001 6200000000000000001 --output request.zip
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and where to."""
        add_submission_arguments(parser)
        parser.add_argument("--output", type=Path, required=True, help="a new file")

    def handle(self, *_: Any, output: Path, **options: Any) -> None:
        """Write it, for the eyes of its owner only."""
        held = wanted(options)
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}.") from error
        try:
            with os.fdopen(descriptor, "wb") as file:
                export(held, file)
        except BaseException:
            output.unlink()  # a part of it must not pass for the whole
            raise
        self.stdout.write(f"{output} is written. It holds patients' data: delete it after use.")
