"""The whole service as real processes, web, worker and sandbox, on a database of its own.

For the tests of the way of a case and of what happens when a part dies in the middle of it.
"""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psycopg
import requests

from implants.demo.renderer import VIEWS
from implants.demo.systems import DEMO_SYSTEMS
from tests import database_server
from tests.case_page import CasePage
from tests.films import film
from tests.sandbox.process import ROOT, SandboxProcess, wait_for

REVIEWERS = ("brenda", "rita")
# Enough systems for three distinct candidates and a few that don't fit.
SYSTEMS = DEMO_SYSTEMS[:5]
GROUPS_AND_PEOPLE = """
import json, os
from django.contrib.auth.models import Group, User
for name, password in json.loads(os.environ["STACK_PEOPLE"]).items():
    user = User.objects.create_user(name, password=password, first_name=name.title(), is_staff=True)
    user.groups.set(Group.objects.filter(name="Revisores"))
"""

IN_TURN = """
import json, os
import django
from django.core.management import call_command
django.setup()
for command in json.loads(os.environ["STACK_COMMANDS"]):
    call_command(*command)
"""


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """Start with `with Stack(folder) as stack`; web, worker and sandbox run inside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = f"raiox_stack_{secrets.token_hex(4)}"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.token = secrets.token_urlsafe()
        self.passwords = {name: secrets.token_urlsafe(12) for name in REVIEWERS}
        self.samples = folder / "samples"
        self.sandbox = SandboxProcess(
            webhook_url=self.webhook, product_url=self.url, samples=self.samples
        )
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.more_environment: dict[str, str] = {}

    @property
    def webhook(self) -> str:
        return f"{self.url}/webhook/{self.token}"

    def __enter__(self) -> Self:
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_all(self) -> None:
        self._write_samples()
        self.sandbox.start()
        self._create_database()
        self.manage_in_turn(
            ["prepare"],
            ["activate_encoder", "--bundled"],
            ["seed_implants", str(self.reference_folder()), "--manufacturer-from", "folder"],
            ["connect_jotform", self.sandbox.form_id, "--default", "--no-webhook"],
            ["shell", "-v", "0", "-c", GROUPS_AND_PEOPLE],
            STACK_PEOPLE=json.dumps(self.passwords),
        )
        self.start_web()
        self.start_worker()

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.stop(name)
        self.sandbox.close()
        with self._server() as server:
            server.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")

    # The catalogue

    def reference_folder(self) -> Path:
        """Two rendered references for each of a few systems, as a curator's folder."""
        root = self.folder / "references"
        for system in SYSTEMS:
            folder = root / system.manufacturer
            folder.mkdir(parents=True, exist_ok=True)
            for number, view in enumerate(VIEWS[:2], 1):
                name = re.sub(r"\W+", "_", system.name)
                (folder / f"{name}_{number:02}.png").write_bytes(film(system, view))
        return root

    @property
    def sample_names(self) -> list[str]:
        """The films that the sandbox's form offers."""
        return sorted(path.name for path in self.samples.iterdir())

    def _write_samples(self) -> None:
        """Films that the sandbox's form offers: other pictures than the catalogue's."""
        self.samples.mkdir()
        for number, system in enumerate(SYSTEMS[:2], 1):
            (self.samples / f"radiografia-{number:02}.png").write_bytes(film(system, query=True))

    # The database

    @property
    def place(self) -> dict[str, Any]:
        """What leads to the database server: the one of all tests."""
        return database_server.place()

    def _server(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.place, dbname="postgres", autocommit=True)

    def _create_database(self) -> None:
        with self._server() as server:
            server.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {self.database}")

    def sql(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the service's own database."""
        with self.open_database() as server:
            return list(server.execute(query, args).fetchall())

    def execute(self, statements: str) -> None:
        """Statements without an answer on the service's own database."""
        with self.open_database() as server:
            server.execute(statements)

    def open_database(self) -> psycopg.Connection[Any]:
        """A session of one's own on the service's database; every statement counts at once."""
        return psycopg.connect(**self.place, dbname=self.database, autocommit=True)

    @property
    def environment(self) -> dict[str, str]:
        """What the product's processes see."""
        return {
            **os.environ,
            "RAIOX_ENV": "test",
            "DJANGO_SETTINGS_MODULE": "raiox.settings",
            "RAIOX_VAR_DIR": str(self.folder / "var"),
            "DATABASE_URL": database_server.url(self.place, self.database),
            "PUBLIC_URL": self.url,
            "WEBHOOK_TOKENS": self.token,
            "JOTFORM_API_URL": self.sandbox.url,
            "JOTFORM_API_KEY_FILE": str(self.sandbox.key_file),
            "DOWNLOAD_EXTRA_ORIGINS": f"{self.sandbox.url},{self.sandbox.other_origin}",
            "DELIVERY_GRACE_SECONDS": "0",
            "DELIVERY_RETRY_SECONDS": "1",
            # Long enough that a worker on a busy machine is not taken for dead.
            "WORKER_STALLED_SECONDS": "6",
            # Tests that want a sweep ask for it: this one would come at some quarter of an hour.
            "JOTFORM_SWEEP_MINUTES": "0",
            **self.more_environment,
        }

    # Processes

    def manage(self, *command: str, **environment: str) -> str:
        """Run one management command; its output, or an error with it."""
        return self._run(["manage.py", *command], environment)

    def manage_in_turn(self, *commands: Sequence[str], **environment: str) -> str:
        """Several management commands in one process, which starts but once; as `manage`."""
        told = {"STACK_COMMANDS": json.dumps(commands), **environment}
        return self._run(["-c", IN_TURN], told)

    def _run(self, program: list[str], environment: dict[str, str]) -> str:
        done = subprocess.run(
            [sys.executable, *program], cwd=ROOT, capture_output=True, text=True,
            env={**self.environment, **environment},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def start_web(self) -> None:
        """Waits until it answers."""
        self.launch_web()
        wait_for(self._answers, 60)

    def await_web(self, url: str) -> None:
        """Until the web process at that address answers."""
        wait_for(lambda: self._answers(url), 60)

    def launch_web(self) -> None:
        """gunicorn, as the service runs it."""
        self.launch_another_web("web", self.url)

    def launch_another_web(self, name: str, url: str, **environment: str) -> None:
        """With a name and an address of its own."""
        bind = url.removeprefix("http://")
        command = [sys.executable, "-m", "gunicorn", "raiox.wsgi:application", "--bind", bind]
        self._start(name, command, **environment)

    def start_worker(self) -> None:
        """One worker; it may take a moment until it takes jobs."""
        self.launch_another_worker("worker")

    def launch_another_worker(self, name: str, **environment: str) -> None:
        """With a name of its own."""
        command = [sys.executable, "manage.py", "procrastinate", "worker"]
        self._start(name, command, **environment)

    @property
    def counts(self) -> Path:
        """Where web and worker keep their counts, as `up` tells them."""
        folder = self.folder / "var" / "metrics"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _start(self, name: str, command: list[str], **environment: str) -> None:
        counts = {"PROMETHEUS_MULTIPROC_DIR": str(self.counts)}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log,
                env={**self.environment, **counts, **environment},
            )  # fmt: skip

    def stop(self, name: str) -> None:
        """SIGTERM, and wait."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(30)

    def kill(self, name: str) -> None:
        """SIGKILL: what it was doing is cut off."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def _answers(self, url: str = "") -> bool:
        try:
            return requests.get(f"{url or self.url}/ping", timeout=2).ok
        except (requests.ConnectionError, requests.Timeout):  # a busy machine takes its time
            return False

    # What people and Jotform do

    def state_of(self, submission_id: str) -> str:
        """The state of the case of a submission; empty while there is none."""
        rows = self.sql("SELECT state FROM cases WHERE submission_id = %s", submission_id)
        return str(rows[0][0]) if rows else ""

    def pending(self, submission_id: str, seconds: float = 30) -> int:
        """Wait until the case waits for Brenda; its id."""
        wait_for(lambda: self.state_of(submission_id) == "pending", seconds)
        return int(self.sql("SELECT id FROM cases WHERE submission_id = %s", submission_id)[0][0])

    def log_in(self, name: str = REVIEWERS[0]) -> requests.Session:
        """A reviewer's session in the admin."""
        session = requests.Session()
        page = f"{self.url}/admin/login/"
        session.get(page, timeout=10)
        form = {
            "username": name,
            "password": self.passwords[name],
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
            "next": "/admin/",
        }
        answer = session.post(page, form, headers={"Referer": page}, timeout=10)
        assert "/login/" not in answer.url, "the log-in was refused"
        return session

    def case_page(self, session: requests.Session, case: int) -> CasePage:
        """The case's page, as this session sees it."""
        return CasePage(session, f"{self.url}/admin/cases/case/{case}/change/")
