"""`manage.py golive_check`: is everything in place before patients' films come in?"""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError

from implants.management.base import ExampleCommand
from raiox.golive.checks import check_all
from raiox.golive.line import Line, Plan, Status

_LOGS: Final = Path("/var/log/raiox")


class Command(ExampleCommand):
    """Asks the running service, its database, Jotform and this machine; a failure is an error."""

    help = (
        "Go through the go-live list against the running service. Run it on the service's own "
        "machine, with its settings. Nothing is left behind: references are searched for by an "
        "account that ends with the check, and the webhook gets a delivery that is refused."
    )
    examples = """examples:
  manage.py golive_check --encoder clip-vit-b-32-openai
  manage.py golive_check --mode stage --url https://stage.example --json
  cat /var/log/raiox/*.log.1 /var/log/raiox/*.log | raiox-manage golive_check --logs -
    (on a server, as root; each midnight what was *.log becomes *.log.1)
  manage.py golive_check --logs /var/log/raiox --hours 2 --disk / --disk /var/lib/postgresql
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What should be true, and where to look."""
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="default: PUBLIC_URL")
        parser.add_argument(
            "--mode", choices=["stage", "production"],
            default="stage" if settings.RAIOX_ENV == "stage" else "production",
            help="what RAIOX_ENV must be (default: stage where it is stage, else production)",
        )  # fmt: skip
        parser.add_argument("--encoder", default="", metavar="NAME", help="the one that answers")
        parser.add_argument(
            "--logs", type=Path, action="append", metavar="PATH",
            help=f"a file, a folder of them, or - for piped ones; repeatable (default: {_LOGS})",
        )  # fmt: skip
        parser.add_argument("--hours", type=float, default=24, help="of the logs (default: 24)")
        parser.add_argument(
            "--references", type=int, default=12, help="how many to search for (default: 12)"
        )
        parser.add_argument("--days", type=float, default=7, help="of cases timed (default: 7)")
        parser.add_argument(
            "--disk", type=Path, action="append", metavar="FOLDER",
            help="whose disk must have room; repeatable (default: / and the service's own folder)",
        )  # fmt: skip
        parser.add_argument(
            "--free-gb", type=float, default=2, help="that must be free there (default: 2)"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Check and print; raises `CommandError` if a line failed."""
        plan = Plan(
            url=options["url"].rstrip("/"),
            mode=options["mode"],
            encoder=options["encoder"],
            logs=tuple(options["logs"] or [_LOGS]),
            hours=options["hours"],
            references=options["references"],
            days=options["days"],
            folders=tuple(options["disk"] or [Path("/"), Path(settings.VAR_DIR)]),
            free_gb=options["free_gb"],
        )
        lines = check_all(plan)
        self.stdout.write(_as_json(plan, lines) if options["json"] else _as_table(lines))
        failed = [name for name, line in lines.items() if line.status == Status.FAIL]
        if failed:
            raise CommandError(f"{len(failed)} of {len(lines)} failed: {', '.join(failed)}.")


def _as_json(plan: Plan, lines: Mapping[str, Line]) -> str:
    checks = {name: asdict(line) for name, line in lines.items()}
    return json.dumps({"url": plan.url, "checks": checks}, ensure_ascii=False, indent=2)


def _as_table(lines: Mapping[str, Line]) -> str:
    """A line each; below one that is not right, what to do about it."""
    width = max(map(len, lines))
    rows = []
    for name, line in lines.items():
        rows.append(f"{name.ljust(width)}  {line.status.ljust(4)}  {line.seen}")
        if line.todo:
            rows.append(f"{' ' * width}     -> {line.todo}")
    return "\n".join(rows)
