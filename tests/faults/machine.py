"""The whole service on a database server of its own, which may be killed like everything else."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import requests

from raiox.embedded_postgres.cluster import SUPERUSER, Cluster
from raiox.embedded_postgres.places import PORT
from tests.sandbox.process import wait_for
from tests.stack import Stack

# What the clock would do within hours: Jotform is swept, jobs and answers that wait for a later
# time are due now, and what looks for lost jobs takes everything for old.
TIME_PASSES = """
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
from cases import delivery, recovery
from cases.models import Delivery
delivery._LOST_AFTER = recovery._AFTER = timedelta(0)
call_command("sweep_jotform")
Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
print(recovery.requeue_lost(), delivery.resume_due())
"""

WANTS_MAIL = """
from django.contrib.auth.models import User
from cases.models import ReviewerPreferences
User.objects.filter(username="brenda").update(email="brenda@example.org")
brenda = User.objects.get(username="brenda")
ReviewerPreferences.objects.create(user=brenda, case_mails="at_once")
"""


class Machine(Stack):
    """`with Machine(folder, cluster) as machine`; like a supervisor, `revive` starts what died."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        self._last_worker = 0
        super().__init__(folder)
        self.more_environment |= {
            # Two slashes more: the first of a path is taken away.
            "EMAIL_URL": f"filemail:///{folder / 'mails'}",
            "DEFAULT_FROM_EMAIL": "Raiox AI <raiox@example.org>",
        }

    @property
    def place(self) -> dict[str, Any]:
        """The same after each restart, so also known while the server is down."""
        return {"host": str(self.cluster.places.socket_folder), "port": PORT, "user": SUPERUSER}

    def _start_all(self) -> None:
        (self.folder / "mails").mkdir()
        self.cluster.ensure_running()
        super()._start_all()
        self.manage("shell", "-v", "0", "-c", WANTS_MAIL)

    def __exit__(self, *parts: object) -> None:
        self.cluster.ensure_running()
        super().__exit__(*parts)

    def move(self, **environment: str) -> None:
        """Start web and worker anew with other settings."""
        self.more_environment |= environment
        for name in list(self.processes):
            self.stop(name)
        self._last_worker = self._newest_worker()
        self.start_web()
        self.start_worker()

    def revive(self) -> None:
        """Start again what has ended, as a supervisor does; waits for nothing."""
        for name, launch in (("web", self.launch_web), ("worker", self.start_worker)):
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                launch()

    def strike(self, name: str) -> None:
        """SIGKILL, at whatever it is doing."""
        self.kill(name)
        if name == "worker":
            self._last_worker = self._newest_worker()

    def freeze(self, name: str) -> None:
        """SIGSTOP: it says nothing and does nothing, and its connections stay open."""
        self.processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        self.processes[name].send_signal(signal.SIGCONT)

    def hand_out_stalled(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Look for stalled jobs each second, not each quarter of a minute, until it is true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "no stalled job was handed out"
            self._look_for_stalled()

    def _look_for_stalled(self) -> None:
        self.revive()
        self.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args) VALUES"
            " ('default', 'raiox.retry_stalled_jobs', 'raiox.retry_stalled_jobs',"
            """ '{"timestamp": 0}') ON CONFLICT DO NOTHING"""
        )
        time.sleep(1)

    def stop(self, name: str) -> None:
        """A frozen one has to hear of it."""
        self.thaw(name)
        super().stop(name)

    def log_of(self, name: str) -> str:
        """What the processes of that name have said."""
        return (self.folder / f"{name}.log").read_text()

    def await_up(self, name: str) -> None:
        """Until it works: a process that is killed while it starts has nothing to lose."""
        if name == "web":
            wait_for(self._answers, 60)
        else:
            wait_for(lambda: self._newest_worker() > self._last_worker, 60)

    def _newest_worker(self) -> int:
        """The number that the worker which came up last has in the queue's list."""
        return int(self.sql("SELECT last_value FROM procrastinate_workers_id_seq")[0][0])

    def cut_database(self) -> None:
        """pg_ctl's immediate stop: connections break, the next start recovers from the log."""
        server = self.cluster.running()
        if server is not None:
            os.kill(server.pid, signal.SIGQUIT)
            wait_for(lambda: self.cluster.running() is None, 30)

    def start_database(self) -> None:
        """Start it again; returns when it takes connections."""
        self.cluster.ensure_running()

    def ask(self, query: str, *arguments: Any) -> list[tuple[Any, ...]] | None:
        """Rows, or None while the database is away."""
        try:
            return self.sql(query, *arguments)
        except psycopg.OperationalError:
            return None

    def let_time_pass(self) -> tuple[int, int]:
        """What waits for a later time is due now; how many lost jobs that asked for again."""
        self.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
        events, deliveries = self.manage("shell", "-v", "0", "-c", TIME_PASSES).split()[-2:]
        return int(events), int(deliveries)

    def token_of(self, name: str) -> str:
        """An access token of the API, as soon as web answers."""
        return str(wait_for(lambda: self._token(name), 60))

    def _token(self, name: str) -> str:
        body = {"username": name, "password": self.passwords[name]}
        with suppress(requests.RequestException):
            answer = requests.post(f"{self.url}/auth/token", json=body, timeout=10)
            return str(answer.json()["access"]) if answer.ok else ""
        return ""


def wait_quietly(condition: Any, seconds: float, *, step: float = 0.5) -> bool:
    """Whether the condition came true within the time; asked every `step` seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True
