"""One fault run: people use the service while it is broken, then everything is audited."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass, fields

from tests.faults.audit import Findings, accepted, audit, stored
from tests.faults.crowd import Dentists, Reviewer, settle
from tests.faults.machine import Machine, wait_quietly

SEED = int(os.environ.get("RAIOX_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
SETTLE_SECONDS = 180
# What it broke, by kind.
Storm = Callable[[Machine, random.Random], Counter[str]]


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
FAULTS: Counter[str] = Counter()


def run(machine: Machine, name: str, storm: Storm, *, cases: int, seconds: float) -> Findings:
    """Send `cases` within about `seconds` while `storm` breaks things; what the audit found."""
    seed = SEED + len(ROWS)
    print(f"{name}: seed {seed} (RAIOX_FAULT_SEED={SEED} repeats it)")
    record = Record(machine, name, seed)
    dentists, reviewer = Dentists(machine, cases, seconds, seed), Reviewer(machine)
    dentists.start()
    reviewer.start()
    try:
        faults = storm(machine, random.Random(seed))  # noqa: S311  # repeatable on purpose
        dentists.join(120)
        _make_whole(machine)
        record.all_is_whole()
        requeued = settle(machine, SETTLE_SECONDS)
    finally:
        reviewer.stop()
    return record.close(faults, dentists.sent, requeued)


class Record:
    """What was so before a run, to tell afterwards what came of it."""

    def __init__(self, machine: Machine, name: str, seed: int = 0) -> None:
        self._machine, self._name, self._seed = machine, name, seed
        self._began = time.monotonic()
        self._accepted, self._repeated = accepted(machine), _repeated(machine)
        self._swept, self._failed = _swept(machine), _failed(machine)
        self._taken: set[str] = set()
        self._kept: set[str] = set()

    def all_is_whole(self) -> None:
        """Nothing is broken any more, and no sweep has been made: what was accepted is here."""
        self._taken = accepted(self._machine) - self._accepted
        self._kept = self._taken & stored(self._machine)
        self._swept = _swept(self._machine)

    def close(self, faults: Counter[str], sent: Iterable[str], requeued: int = 0) -> Findings:
        """Audit, and add a line to the table."""
        machine, sent = self._machine, list(sent)
        found = audit(machine, sent, self._taken)
        found.lost += [f"webhook of {one}" for one in sorted(self._taken - self._kept)]
        FAULTS.update(faults)
        ROWS.append(
            Row(
                run=self._name,
                seed=self._seed,
                faults=faults.total(),
                cases=len(sent),
                accepted=len(self._taken),
                swept=_swept(machine) - self._swept,
                requeued=requeued,
                repeated=_repeated(machine) - self._repeated,
                failed=_failed(machine) - self._failed,
                lost=len(found.lost),
                doubled=len(found.doubled),
                stuck=len(found.stuck),
                wrong=len(found.wrong),
                seconds=round(time.monotonic() - self._began),
            )
        )
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


def _failed(machine: Machine) -> int:
    """Answers that reviewers see as failed."""
    return int(machine.sql("SELECT count(*) FROM deliveries WHERE state = 'failed'")[0][0])


def _swept(machine: Machine) -> int:
    return int(machine.sql("SELECT count(*) FROM inbound_events WHERE kind = 'swept'")[0][0])


def summary() -> str:
    """The runs with their sums, and below them what was broken, by kind."""
    kinds = "\n".join(f"{count:5}  {kind}" for kind, count in sorted(FAULTS.items()))
    return f"{table(ROWS)}\n\nfaults injected\n{kinds}"


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
