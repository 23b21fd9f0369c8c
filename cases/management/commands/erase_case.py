"""`manage.py erase_case`: everything about one submission."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from cases.management.submissions import add_submission_arguments, wanted
from cases.privacy.erasure import erase
from implants.management.base import ExampleCommand


class Command(ExampleCommand):
    """Asks before it deletes: nothing brings the data back."""

    help = (
        "Erase a case with its films, findings, answers and webhooks, and what was promoted from "
        "it into the catalogue. It does not come back, even if Jotform sends it again; in Jotform "
        "itself it must be deleted there."
    )
    examples = """examples:
  manage.py erase_case 123
  manage.py erase_case --submission 240000000000001 6200000000000000001 --yes
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and whether to ask."""
        add_submission_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="don't ask")

    def handle(self, *_: Any, **options: Any) -> None:
        """Say what would go, ask, erase."""
        held = wanted(options)
        films = held.case.images.exclude(file="").count() if held.case else 0
        self.stdout.write(
            f"{'Case ' + str(held.case.pk) if held.case else 'No case'}, {films} films, "
            f"{held.events.count()} webhooks, {held.promoted.count()} references in the catalogue."
        )
        if not options["yes"] and input("Erase them? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was erased.")
        erase(held)
        self.stdout.write("Erased. Delete the submission in Jotform too.")
