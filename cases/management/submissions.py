"""How commands are told which submission they are about."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from cases.models import Case
from cases.privacy.erasure import Holding, holding_of_case, holding_of_submission


def add_submission_arguments(parser: CommandParser) -> None:
    """The number of a case, or Jotform's two ids."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("case", nargs="?", type=int, help="number of the case")
    which.add_argument("--submission", nargs=2, metavar=("FORM_ID", "SUBMISSION_ID"))


def wanted(options: dict[str, Any]) -> Holding:
    """What is held about it; `CommandError` when that is nothing."""
    if options["submission"]:
        held = holding_of_submission(*options["submission"])
    else:
        case = Case.objects.select_related("form").filter(pk=options["case"]).first()
        if case is None:
            raise CommandError(f"There is no case {options['case']}.")
        held = holding_of_case(case)
    if held.case is None and not held.events.exists():
        raise CommandError("Nothing is held about this submission.")
    return held
