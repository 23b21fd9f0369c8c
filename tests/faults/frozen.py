"""A worker that is taken for dead and lives: frozen in the middle of two jobs, thawed later.

One submission's analysis stands before its search, another one's answer while Jotform is read
before a repeated write.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from tests.faults.machine import Machine
from tests.sandbox.process import wait_for

_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE relation = 'reference_vectors'::regclass AND NOT granted"
)
_SESSION_LOCKS = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
)
SLOW_SECONDS = 3.0


@contextmanager
def searches_held(machine: Machine) -> Iterator[Callable[[], int]]:
    """No search gets on; yields what counts those that stand still."""
    with machine.open_database() as session:
        session.autocommit = False
        session.execute("LOCK TABLE reference_vectors IN ACCESS EXCLUSIVE MODE")
        yield lambda: int(machine.sql(_WAITING)[0][0])
        session.rollback()


def submit(machine: Machine) -> str:
    """One more film; the submission."""
    return str(machine.sandbox.submit({"dente": "44"}, samples=[machine.sample_names[0]])["id"])


def approve(machine: Machine, case: int) -> None:
    """Brenda can't tell what it is, and says so."""
    ((finding,),) = machine.sql("SELECT id FROM findings WHERE case_id = %s", case)
    verdict = {"id": finding, "verdict": "not_identifiable", "implant_id": None}
    requests.post(
        f"{machine.url}/cases/{case}/approve",
        json={"findings": [verdict]},
        headers={"Authorization": f"Bearer {machine.token_of('brenda')}"},
        timeout=15,
    ).raise_for_status()


def freeze_while_it_delivers(machine: Machine, case: int) -> None:
    """In the second attempt, which reads before it writes; its session is cut off meanwhile.

    Without the cut its lock would keep the others away until it is thawed.
    """
    machine.sandbox.set(slow_seconds=SLOW_SECONDS, fail_next=1, fail_status=503)
    approve(machine, case)
    begun = "SELECT 1 FROM deliveries WHERE case_id = %s AND attempt = 2 AND started_at IS NOT NULL"
    wait_for(lambda: machine.sql(begun, case), 30)
    time.sleep(SLOW_SECONDS / 3)
    machine.freeze("worker")
    machine.sandbox.set(slow_seconds=0.0)
    machine.sql(_SESSION_LOCKS)


def job_of(machine: Machine, submission: str) -> tuple[str, int]:
    """State and attempts of the job that analyses it."""
    ((status, attempts),) = machine.sql(
        "SELECT j.status::text, j.attempts FROM procrastinate_jobs j"
        " JOIN cases c ON c.id = (j.args ->> 'case_id')::int"
        " WHERE j.task_name = 'cases.analyze_case' AND c.submission_id = %s",
        submission,
    )
    return str(status), int(attempts)


def last_delivery(machine: Machine, case: int) -> str:
    """How it stands."""
    found = machine.sql(
        "SELECT state FROM deliveries WHERE case_id = %s ORDER BY id DESC LIMIT 1", case
    )
    return str(found[0][0])
