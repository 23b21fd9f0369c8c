"""`python -m deploy.load`: one load run, its table, and a non-zero exit when a target is missed."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

import deploy.standalone  # noqa: F401  # what follows needs settings
from deploy.load import plan as plans
from deploy.load import remote
from deploy.load.service import running_service
from deploy.load.verdict import Row, Targets, of_database, of_requests
from implants.management.base import table
from tests.sandbox.process import SandboxError

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_GRACE_SECONDS = 120
_MOST_FILMS = 600
_EXAMPLES = """examples:
  python -m deploy.load                        # on a service of its own, 100 webhooks/s for 60 s
  python -m deploy.load --seconds 10           # a short one, as before a deployment
  LOAD_TOKEN_FILE=token LOAD_USERNAME=load LOAD_PASSWORD_FILE=password \\
    python -m deploy.load --host https://stage.example.org --seconds 10 --rate 20

On a service of its own each webhook names a film, which the worker downloads and looks up. On
another host each one is a direct case of the default form whose film is refused by its address:
nothing is asked of Jotform, and the cases stay there. Don't do that to production. The account
must be a reviewer's without a second factor, and the service should have a demo catalogue.
"""


class SendingFailed(Exception):
    """locust left no result."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, tell, and give the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rows = _on_host(options) if options.host else _on_own_service(options)
    except remote.NotConfigured as error:
        print(error, file=sys.stderr)
        return 2
    except (SendingFailed, requests.RequestException, SandboxError) as error:
        print(f"The run failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print("\n" + table(["", "target", "measured", "ok"], [_cells(row) for row in rows]))
    missed = [row.name for row in rows if not row.ok]
    print(f"\nMissed: {', '.join(missed)}" if missed else "\nAll targets were met.")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.load", description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seconds", type=int, default=60, help="how long (60)")
    parser.add_argument("--rate", type=float, default=100.0, help="webhooks a second (100)")
    parser.add_argument("--searches", type=float, default=1.0, help="searches a second (1)")
    parser.add_argument("--pages", type=float, default=1.0, help="admin pages a second (1)")
    parser.add_argument("--host", default="", help="a service that runs, instead of an own one")
    parser.add_argument(
        "--late", type=float, metavar="SECONDS", default=0.25,
        help="a request that goes out so much after its time is a failure (0.25)",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=float, metavar="SECONDS", default=60.0,
        help="give up when no more webhooks become cases for so long (60)",
    )  # fmt: skip
    for kind in ("webhooks", "searches", "pages"):
        parser.add_argument(
            f"--{kind}-p95", type=float, metavar="MS", default=getattr(Targets, f"{kind}_p95"),
            help="the target: %(default)s ms",
        )  # fmt: skip
    return parser


def _cells(row: Row) -> list[str]:
    return [row.name, row.target, row.measured, "yes" if row.ok else "NO"]


def _rates(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "seconds": options.seconds,
        "webhooks": options.rate,
        "searches": options.searches,
        "pages": options.pages,
        "late": options.late,
    }


def _on_own_service(options: argparse.Namespace) -> list[Row]:
    _say("Starting a service: database, Jotform's stand-in, web and worker ...")
    with running_service() as service:
        # More than are analysed within the time.
        films = min(_MOST_FILMS, round(options.rate * options.seconds))
        plan = service.plan(films=films, **_rates(options))
        before = service.rows()
        result = _send(plan, service.folder)
        accepted = result["webhooks"]["good"]
        at_end = service.rows().since(before)
        _say(f"At the end of the load: {at_end.cases:,} cases, {at_end.pending:,} of them analysed")
        counts = service.all_opened(options.patience, _say).since(before)
        _say(f"All opened; {counts.pending:,} analysed by now, the rest is not waited for")
        errors = service.errors()
        for line in errors[:5]:
            _say(line[:500])
        return [*_verdict(result, options), *of_database(counts, accepted, len(errors))]


def _on_host(options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="raiox-load-") as folder:
        plan = remote.plan(options.host, Path(folder), **_rates(options))
        before = remote.cases(plan)
        result = _send(plan, Path(folder))
        found = remote.all_opened(plan, before, result["webhooks"]["good"], options.patience, _say)
        return [*_verdict(result, options), found]


def _verdict(result: dict[str, Any], options: argparse.Namespace) -> list[Row]:
    for kind, found in result.items():
        for reason, count in found["failures"].items():
            _say(f"{kind}: {count} × {reason}")
    targets = Targets(options.webhooks_p95, options.searches_p95, options.pages_p95)
    return of_requests(result, options.rate, options.seconds, targets)


def _send(plan: plans.Plan, folder: Path) -> dict[str, Any]:
    """Run locust; the result that it wrote."""
    file = folder / "plan.json"
    plan.write(file)
    _say(f"{plan.webhooks:g} webhooks/s for {plan.seconds} s, with searches and pages:")
    command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless"]
    command += ["--only-summary", "--users", "3", "--spawn-rate", "3", "--skip-log-setup"]
    try:
        subprocess.run(  # noqa: S603  # our own command
            command, cwd=_LOCUSTFILE.parents[2], timeout=plan.seconds + _GRACE_SECONDS,
            check=False, preexec_fn=_hurry, env={**os.environ, plans.VARIABLE: str(file)},
        )  # fmt: skip
        result: dict[str, Any] = json.loads(Path(plan.result).read_text())
    except (subprocess.TimeoutExpired, OSError) as error:
        raise SendingFailed(f"The load could not be sent: {error}") from error
    return result


def _hurry() -> None:
    """The sender stands for the world outside, which shares no processor with the service."""
    with suppress(PermissionError):
        os.nice(-5)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
