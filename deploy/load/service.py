"""A service for one load run: a durable database server, web, worker and Jotform's stand-in."""

import shutil
import struct
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import requests

from deploy.load.plan import Plan
from raiox.embedded_postgres.cluster import SUPERUSER, Cluster
from raiox.embedded_postgres.places import PORT
from raiox.up.plan import Plan as Programs
from tests.embedded_postgres.conftest import private_cluster_folder
from tests.stack import REVIEWERS, Stack

_COUNTS = """
SELECT (SELECT count(*) FROM inbound_events),
       (SELECT count(*) FROM inbound_events WHERE state = 'processed'),
       (SELECT count(*) FROM cases),
       (SELECT count(DISTINCT submission_id) FROM cases),
       (SELECT count(*) FROM cases WHERE state = 'pending' AND problem = ''),
       (SELECT count(*) FROM cases WHERE problem <> '')
"""
_TELLS_EACH_SECONDS = 5.0
_ASKS_EACH_SECONDS = 0.5
_ANSWERS = {"nome": {"first": "Ana", "last": "Dias"}, "dente": "44"}


@dataclass(frozen=True)
class Counts:
    """Rows of the database; `pending` cases were analysed well, `problems` were not."""

    events: int
    processed: int
    cases: int
    submissions: int
    pending: int
    problems: int

    def since(self, before: "Counts") -> "Counts":
        """What has been added."""
        pairs = zip(astuple(self), astuple(before), strict=True)
        return Counts(*(now - then for now, then in pairs))


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL for what a busy machine keeps from ending."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


class Service(Stack):
    """As `up` starts it: one web process with threads, one worker, PostgreSQL that keeps all."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        super().__init__(folder)

    @property
    def place(self) -> dict[str, Any]:
        """The server of this run alone."""
        return {"host": str(self.cluster.places.socket_folder), "port": PORT, "user": SUPERUSER}

    def _start_all(self) -> None:
        self.cluster.ensure_running()
        super()._start_all()

    def launch_web(self) -> None:
        """The command of `up`."""
        self._start("web", list(self.programs.web().command))

    def start_worker(self) -> None:
        """The command of `up`."""
        self._start("worker", list(self.programs.worker().command))

    @property
    def programs(self) -> Programs:
        """What `up` would run at the address of this service."""
        return Programs("127.0.0.1", int(self.url.rsplit(":", 1)[1]))

    def stop(self, name: str) -> None:
        """As `end` does."""
        end(self.processes.pop(name))

    def plan(self, *, films: int, **wanted: Any) -> Plan:
        """A load on this service with so many films; a case is there before it begins."""
        return Plan(
            host=self.url,
            token=self.token,
            username=REVIEWERS[0],
            password=self.passwords[REVIEWERS[0]],
            result=str(self.folder / "result.json"),
            films=tuple(str(self.samples / name) for name in self.sample_names),
            parts=self._delivery(),
            addresses=tuple(self._uploaded(number) for number in range(films)),
            **wanted,
        )

    def _delivery(self) -> dict[str, str]:
        """The parts of a webhook that the stand-in has sent and the service has made a case of."""
        submission = str(self.sandbox.submit(_ANSWERS, samples=self.sample_names[:1])["id"])
        (sent,) = self.sandbox.delivered(submission, seconds=30)
        self.pending(submission, seconds=60)
        return dict(sent["parts"])

    def _uploaded(self, number: int) -> str:
        """The address of a film like no other: one that is known is not encoded again."""
        sample = (self.samples / self.sample_names[number % len(self.sample_names)]).read_bytes()
        files = {"film.png": _with_remark(sample, str(number))}
        answers = self.sandbox.submit(_ANSWERS, files=files, webhook=False)["answers"]
        (address,) = next(row["answer"] for row in answers.values() if _has_files(row))
        return str(address)

    def search_once(self) -> None:
        """Ask web for a search, so that it has its encoder."""
        film = (self.samples / self.sample_names[0]).read_bytes()
        body = {"username": REVIEWERS[0], "password": self.passwords[REVIEWERS[0]]}
        token = requests.post(f"{self.url}/auth/token", json=body, timeout=30).json()["access"]
        requests.post(
            f"{self.url}/search", files={"file": ("film.png", film)}, timeout=60,
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()  # fmt: skip

    def rows(self) -> Counts:
        """What the database holds now."""
        return Counts(*(int(number) for number in self.sql(_COUNTS)[0]))

    def all_opened(self, patience: float, say: Callable[[str], None]) -> Counts:
        """Wait until each event has become a case, unless none does for `patience` seconds."""
        moved = told = time.monotonic()
        before = -1
        while True:
            counts = self.rows()
            if counts.cases != before:
                moved, before = time.monotonic(), counts.cases
            if counts.cases >= counts.events or time.monotonic() - moved > patience:
                return counts
            if time.monotonic() - told >= _TELLS_EACH_SECONDS:
                say(f"  {counts.cases:,} of {counts.events:,} events have become cases")
                told = time.monotonic()
            time.sleep(_ASKS_EACH_SECONDS)

    def errors(self) -> list[str]:
        """What web and worker logged as errors."""
        logs = [self.folder / f"{name}.log" for name in ("web", "worker")]
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if '"level": "error"' in line or "Traceback" in line]


def _has_files(answer: dict[str, Any]) -> bool:
    return answer["type"] == "control_fileupload" and bool(answer.get("answer"))


def _with_remark(png: bytes, remark: str) -> bytes:
    """The same picture in other bytes: with a text chunk before the last one (PNG, 11.3.4.3)."""
    chunk = b"tEXt" + b"Comment\0" + remark.encode()
    end = png.rindex(b"IEND") - 4
    added = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:end] + added + png[end:]


@contextmanager
def running_service() -> Iterator[Service]:
    """A service in a folder of its own; nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="raiox-load-"))
    try:
        with (
            private_cluster_folder(folder) as place,
            Service(folder, Cluster(place, durable=True)) as service,
        ):
            yield service
    finally:
        shutil.rmtree(folder, ignore_errors=True)
