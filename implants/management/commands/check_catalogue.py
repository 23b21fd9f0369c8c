"""`manage.py check_catalogue`: is the catalogue sound?"""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from implants.management.base import ExampleCommand, table
from implants.seeding.checkup import Checkup, check


class Command(ExampleCommand):
    """Prints the counts; a problem makes the command fail."""

    help = "Count the catalogue and look for vectors, films and files that are not right."
    examples = """examples:
  manage.py check_catalogue
  manage.py check_catalogue --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How to print it."""
        parser.add_argument("--json", action="store_true", help="one JSON object, with all ids")

    def handle(self, *_: Any, **options: Any) -> None:
        """Check; raises `CommandError` if there is a problem."""
        checkup = check()
        problems = checkup.problems()
        if options["json"]:
            answer = {**asdict(checkup), "problems": problems}
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(_text(checkup))
        if problems:
            raise CommandError(" ".join(problems))


def _text(checkup: Checkup) -> str:
    columns = ["manufacturer", "implants", "references", "demo_references"]
    rows = [[str(maker[column]) for column in columns] for maker in checkup.manufacturers]
    total = [str(sum(maker[column] for maker in checkup.manufacturers)) for column in columns[1:]]
    lines = [
        table(columns, [*rows, ["total", *total]]),
        f"encoder: {checkup.encoder or 'none'}, {checkup.vectors} vectors",
    ]
    for name in (
        "without_vector", "not_unit_length", "duplicates", "files_gone", "implants_unmarked",
    ):  # fmt: skip
        found = getattr(checkup, name)
        lines.append(f"{name}: {len(found)}" + (f", ids {_some(found)}" if found else ""))
    return "\n".join(lines)


def _some(ids: list[Any]) -> str:
    return ", ".join(map(str, ids[:20])) + (" …" if len(ids) > 20 else "")
