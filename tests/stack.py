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
from pathlib import Path
from typing import Any, Self

import psycopg
import requests
from django.db import connection

from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from tests.case_page import CasePage
from tests.sandbox.process import ROOT, SandboxProcess, wait_for

DATABASE = "raiox_stack"
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


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """Start with `with Stack(folder) as stack`; web, worker and sandbox run inside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        self.manage("prepare")
        self.manage("activate_encoder", "--bundled")
        self.manage("seed_implants", str(self.reference_folder()), "--manufacturer-from", "folder")
        self.manage("connect_jotform", self.sandbox.form_id, "--default", "--no-webhook")
        self.manage("shell", "-c", GROUPS_AND_PEOPLE, STACK_PEOPLE=json.dumps(self.passwords))
        self.start_web()
        self.start_worker()

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.stop(name)
        self.sandbox.close()
        with self._server() as server:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")

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
        """Host, port and user of the database server: the one of all tests."""
        params = connection.get_connection_params()
        return {key: params[key] for key in ("host", "port", "user") if key in params}

    def _server(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.place, dbname="postgres", autocommit=True)

    def _create_database(self) -> None:
        with self._server() as server:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {DATABASE}")

    def sql(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the service's own database."""
        with self._own_database() as server:
            return list(server.execute(query, args).fetchall())

    def execute(self, statements: str) -> None:
        """Statements without an answer on the service's own database."""
        with self._own_database() as server:
            server.execute(statements)

    def _own_database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.place, dbname=DATABASE, autocommit=True)

    @property
    def environment(self) -> dict[str, str]:
        """What the product's processes see."""
        server = self.place
        place = f"postgresql://{server['user']}@/{DATABASE}?host={server['host']}"
        place += f"&port={server['port']}" if server.get("port") else ""
        return {
            **os.environ,
            "RAIOX_ENV": "test",
            "DJANGO_SETTINGS_MODULE": "raiox.settings",
            "RAIOX_VAR_DIR": str(self.folder / "var"),
            "DATABASE_URL": place,
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
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, capture_output=True, text=True,
            env={**self.environment, **environment},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def start_web(self) -> None:
        """Waits until it answers."""
        self.launch_web()
        wait_for(self._answers, 60)

    def launch_web(self) -> None:
        """gunicorn, as the service runs it."""
        bind = self.url.removeprefix("http://")
        command = ["-m", "gunicorn", "raiox.wsgi:application", "--bind", bind]
        self._start("web", [*command, "--worker-class", "gthread", "--threads", "8"])

    def start_worker(self) -> None:
        """One worker; it may take a moment until it takes jobs."""
        self._start("worker", ["manage.py", "procrastinate", "worker"])

    @property
    def counts(self) -> Path:
        """Where web and worker keep their counts, as `up` tells them."""
        folder = self.folder / "var" / "metrics"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, stdout=log, stderr=log,
                env={**self.environment, "PROMETHEUS_MULTIPROC_DIR": str(self.counts)},
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

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/ping", timeout=2).ok
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


def film(system: Any, view: str = VIEWS[0], *, query: bool = False) -> bytes:
    """PNG bytes of a rendered film."""
    return encode_png(render_film(system, view, query=query).image)
