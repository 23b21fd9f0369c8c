"""`manage.py up` brings back what was killed, and nothing is lost meanwhile."""

import random
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest

from tests.faults.machine import Machine
from tests.faults.run import run
from tests.sandbox.process import ROOT, wait_for

MARKS = {"web": "gunicorn", "worker": "procrastinate"}


class Supervised(Machine):
    """The same service with web and worker as children of `manage.py up`, which alone looks after
    them."""

    def __init__(self, machine: Machine) -> None:
        for name in list(machine.processes):
            machine.stop(name)
        vars(self).update(vars(machine))

    def start_web(self) -> None:
        """Both of them, at the address that was chosen."""
        port = self.url.rsplit(":", 1)[1]
        with (self.folder / "up.log").open("ab") as log:
            self.processes["up"] = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", port],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(self._answers, 90)

    def start_worker(self) -> None:
        """`up` has started it."""

    def revive(self) -> None:
        """That is the supervisor's part here."""

    def strike(self, name: str) -> None:
        """SIGKILL for the first process of that name; gunicorn's own child ends with it."""
        for process in self.children(name)[:1]:
            process.kill()
        if name == "worker":
            self._last_worker = self._newest_worker()

    def children(self, name: str) -> list[psutil.Process]:
        """The running processes of that name, the parents first."""
        family = psutil.Process(self.processes["up"].pid).children(recursive=True)
        return [process for process in family if MARKS[name] in _command(process)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture
def supervised(machine: Machine) -> Supervised:
    supervised = Supervised(machine)
    supervised.start_web()
    return supervised


def test_supervisor_brings_back_what_was_killed(supervised: Supervised) -> None:
    killed: dict[str, int] = {}

    def kills(machine: Machine, chance: random.Random) -> Counter[str]:
        for name in ("worker", "web", "worker", "web"):
            machine.await_up(name)
            time.sleep(chance.uniform(0, 2))
            killed[name] = supervised.children(name)[0].pid
            machine.strike(name)
        return Counter({"worker killed": 2, "web killed": 2})

    found = run(supervised, "supervisor", kills, cases=25, seconds=14)
    for name, number in killed.items():
        assert number not in [process.pid for process in supervised.children(name)]
        assert supervised.children(name), f"{name} did not come back"
    assert not found, found
