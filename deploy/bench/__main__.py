"""`python -m deploy.bench`: the targets, each beside its baseline in the same run."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import deploy.standalone  # noqa: F401  # what follows needs settings
from deploy.bench import rows as results
from deploy.bench.encoding import encoding
from deploy.bench.picture import draw
from deploy.bench.rows import Row, as_table, machine
from deploy.bench.searching import searching
from deploy.bench.serving import accepting, pending
from deploy.bench.starting import memory, starting
from deploy.load.service import Service, running_service

_PARTS = ("encode", "pending", "memory", "start", "search", "accept")
_EXAMPLES = """examples:
  python -m deploy.bench                         # about five minutes
  python -m deploy.bench --full                  # 100,000 references too, twice: 6 to 20 minutes
  python -m deploy.bench --quick --parts encode,start --output /tmp/bench

Nothing else should run on the machine meanwhile. The exit code is 0 when everything could be
measured, also where a target is not met; --strict makes that an error.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, tell, and give the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unknown = set(options.parts) - set(_PARTS)
    if unknown:
        print(f"Unknown: {', '.join(sorted(unknown))}. Parts: {', '.join(_PARTS)}", file=sys.stderr)
        return 2
    rows = _measured(options)
    options.output.mkdir(parents=True, exist_ok=True)
    results.write(rows, options.output / "bench.json")
    draw(rows, machine(), options.output / "bench.svg")
    print(f"\n{as_table(rows)}\n\n{options.output}/bench.json, bench.svg")
    missed = [row.name for row in rows if row.met is False]
    print(f"NOT met: {', '.join(missed)}" if missed else "All targets that were measured are met.")
    return 1 if missed and options.strict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.bench", description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--full", action="store_true", help="with 100,000 references")
    parser.add_argument("--quick", action="store_true", help="few rounds: it works, no more")
    parser.add_argument("--strict", action="store_true", help="a missed target is an error")
    parser.add_argument(
        "--target-ms", type=float, default=900, help="the target of encoding a film (900)"
    )
    parser.add_argument(
        "--parts", type=lambda text: text.split(","), default=list(_PARTS), help=",".join(_PARTS)
    )
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent, help="folder of JSON and picture"
    )
    return parser


def _measured(options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    wanted, quick = options.parts, options.quick

    def part(name: str, measure: Callable[[], Iterable[Row]]) -> None:
        if name in wanted:
            began = time.perf_counter()
            print(f"{name} …", flush=True)
            rows.extend(measure())
            print(f"  {time.perf_counter() - began:.0f} s", flush=True)

    part("encode", lambda: encoding(5 if quick else 100, options.target_ms))
    if set(wanted) == {"encode"}:
        return rows
    print("Starting a service: database, Jotform's stand-in, web and worker …", flush=True)
    with running_service() as service:
        _measure_service(service, part, options)
    return rows


def _measure_service(
    service: Service,
    part: Callable[[str, Callable[[], Iterable[Row]]], None],
    options: argparse.Namespace,
) -> None:
    quick = options.quick
    cases = 3 if quick else 40
    plan = service.plan(films=cases)
    service.search_once()
    part("pending", lambda: pending(service, plan, cases))
    part("memory", lambda: memory(service))
    part("start", lambda: starting(service, rounds=1 if quick else 3))
    part("accept", lambda: accepting(service, plan, seconds=1 if quick else 10))
    # What the door has taken in is nothing that the search should wait for.
    service.stop("worker")
    service.stop("web")
    if "search" in options.parts and options.full:
        print("100,000 references, twice: 6 to 20 minutes", flush=True)
    small = 1_000 if quick else 10_000
    part("search", lambda: searching(service, small=small, full=options.full))


if __name__ == "__main__":
    sys.exit(main())
