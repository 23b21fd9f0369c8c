"""One fault run: people use the service while it is broken, then everything is audited."""

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass, fields

from tests.faults.audit import Findings, accepted, audit, stored
from tests.faults.crowd import Dentists, Reviewer, settle
from tests.faults.machine import Machine, wait_quietly

SEED = int(os.environ.get("RAIOX_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
SETTLE_SECONDS = 180
Storm = Callable[[Machine, random.Random], int]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    run: str
    seed: int
    faults: int
    cases: int
    accepted: int
    swept: int
    requeued: int
    repeated: int
    failed: int
    lost: int
    doubled: int
    stuck: int
    wrong: int
    seconds: int


ROWS: list[Row] = []


def run(machine: Machine, name: str, storm: Storm, *, cases: int, seconds: float) -> Findings:
    """Send `cases` within about `seconds` while `storm` breaks things; what the audit found."""
    began = time.monotonic()
    seed = SEED + len(ROWS)
    print(f"{name}: seed {seed} (RAIOX_FAULT_SEED={SEED} repeats it)")
    before, repeated_before = accepted(machine), _repeated(machine)
    dentists, reviewer = Dentists(machine, cases, seconds, seed), Reviewer(machine)
    dentists.start()
    reviewer.start()
    try:
        faults = storm(machine, random.Random(seed))  # noqa: S311  # repeatable on purpose
        dentists.join(120)
        _make_whole(machine)
        taken = accepted(machine) - before
        kept = taken & stored(machine)
        swept_before = _swept(machine)
        requeued = settle(machine, SETTLE_SECONDS)
    finally:
        reviewer.stop()
    found = audit(machine, dentists.sent, taken)
    found.lost += [f"webhook of {one}" for one in sorted(taken - kept)]
    failed = machine.sql("SELECT count(*) FROM deliveries WHERE state = 'failed'")[0][0]
    ROWS.append(
        Row(
            name, seed, faults, len(dentists.sent), len(taken), _swept(machine) - swept_before,
            requeued, _repeated(machine) - repeated_before, int(failed), len(found.lost),
            len(found.doubled), len(found.stuck), len(found.wrong),
            round(time.monotonic() - began),
        )
    )  # fmt: skip
    return found


def _make_whole(machine: Machine) -> None:
    """Everything runs again, and Jotform has heard or given up each webhook."""
    machine.start_database()
    machine.revive()
    machine.token_of("brenda")

    def all_ended() -> bool:
        with suppress(OSError):
            return all(row["state"] != "underway" for row in machine.sandbox.webhooks())
        return False

    assert wait_quietly(all_ended, 60), "webhooks are under way for ever"


def _repeated(machine: Machine) -> int:
    """Jobs that needed more than one attempt: the faults hit something."""
    more = "SELECT count(*) FROM procrastinate_jobs WHERE attempts > 1 AND task_name ~ '^cases'"
    return int(machine.sql(more)[0][0])


def _swept(machine: Machine) -> int:
    return int(machine.sql("SELECT count(*) FROM inbound_events WHERE kind = 'swept'")[0][0])


def table(rows: list[Row]) -> str:
    """Columns, with the sums below."""
    head = [field.name for field in fields(Row)]
    body = [[str(cell) for cell in astuple(row)] for row in rows]
    sums = ["all", ""] + [str(sum(astuple(row)[i] for row in rows)) for i in range(2, len(head))]
    lines = [head, *body, sums]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
