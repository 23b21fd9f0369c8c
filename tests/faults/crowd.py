"""Dentists who send, and a reviewer who approves, both undeterred by a service that breaks."""

import random
import threading
import time
from contextlib import suppress

import requests

from tests.faults.machine import Machine
from tests.sandbox.process import SandboxError

_PENDING = (
    "SELECT c.id, f.id,"
    " (SELECT r.implant_id FROM results r JOIN searches s ON s.id = r.search_id"
    "  WHERE s.finding_id = f.id ORDER BY s.id DESC, r.rank LIMIT 1)"
    " FROM cases c JOIN findings f ON f.case_id = c.id"
    " WHERE c.state = 'pending' AND c.problem = '' ORDER BY c.id LIMIT 20"
)


class Dentists(threading.Thread):
    """Send `count` submissions at random intervals, within about `seconds`."""

    def __init__(self, machine: Machine, count: int, seconds: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.machine, self.count, self.seconds = machine, count, seconds
        self.random = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self.sent: list[str] = []

    def run(self) -> None:
        """One after the other; the webhook of each goes out by itself."""
        for number in range(self.count):
            fields = {"nome": {"first": "Ana", "last": f"Dias {number}"}, "dente": "44"}
            name = self.random.choice(self.machine.sample_names)
            self.sent.append(str(self.machine.sandbox.submit(fields, samples=[name])["id"]))
            time.sleep(self.random.uniform(0, 2 * self.seconds / self.count))


class Reviewer(threading.Thread):
    """Approves what waits over the API, as the same decision again when she hears no answer."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(daemon=True)
        self.machine = machine
        self.headers = {"Authorization": f"Bearer {machine.token_of('brenda')}"}
        self.done = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        while not self.done.wait(0.3):
            for case, finding, implant in self.machine.ask(_PENDING) or []:
                with suppress(requests.RequestException):
                    self._approve(case, finding, implant)

    def stop(self) -> None:
        """Let the decision under way end."""
        self.done.set()
        self.join(60)

    def _approve(self, case: int, finding: int, implant: int | None) -> None:
        verdict = "identified" if implant else "not_identifiable"
        row = {"id": finding, "verdict": verdict, "implant_id": implant}
        requests.post(
            f"{self.machine.url}/cases/{case}/approve",
            json={"findings": [row]},
            headers={**self.headers, "Idempotency-Key": f"case-{case}"},
            timeout=15,
        )


def settle(machine: Machine, seconds: float) -> int:
    """Wait until nothing is under way any more; jobs that had to be asked for again.

    Time passes faster than by the clock, and cases whose analysis failed are analysed again by a
    person, once they are seen.
    """
    recovered = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        machine.revive()
        recovered += sum(machine.let_time_pass())
        _analyse_again(machine)
        if is_quiet(machine, min(8.0, max(1.0, end - time.monotonic()))):
            break
    return recovered


def is_quiet(machine: Machine, seconds: float) -> bool:
    """Whether what is under way ends within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        machine.revive()
        if _under_way(machine) == 0:
            return True
        time.sleep(0.5)
    return False


def _under_way(machine: Machine) -> int:
    ((count,),) = machine.sql(
        "SELECT (SELECT count(*) FROM inbound_events WHERE state = 'received')"
        " + (SELECT count(*) FROM cases WHERE state NOT IN ('approved', 'rejected'))"
        " + (SELECT count(*) FROM deliveries WHERE state IN ('queued', 'waiting'))"
        " + (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        "    AND task_name IN ('cases.open_case', 'cases.analyze_case', 'cases.deliver'))"
    )
    return int(count)


def _analyse_again(machine: Machine) -> None:
    """Brenda's button on the page of each case with a problem."""
    cases = machine.sql("SELECT id FROM cases WHERE state = 'pending' AND problem <> ''")
    if not cases:
        return
    with suppress(requests.RequestException, SandboxError, AssertionError):
        session = machine.log_in("rita")
        for (case,) in cases:
            machine.case_page(session, case).decide("analyze", verdict="", implant=None)
