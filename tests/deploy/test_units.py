"""The units as systemd reads them, and the web process as a unit starts, reloads and stops it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.deploy import tools
from tests.deploy.machine import SERVER, Machine
from tests.sandbox.process import ROOT, wait_for
from tests.stack import Stack

SYSTEMD: Final = SERVER / "systemd"
UNITS: Final = sorted(path.name for path in SYSTEMD.glob("raiox-*.*") if path.is_file())
SERVICES: Final = [name for name in UNITS if name.endswith(".service")]
MOST_EXPOSED: Final = 2.0


@pytest.fixture(scope="module")
def installed(application_server: Machine, tmp_path_factory: Any) -> Machine:
    """With a release, and the units of the system beside ours."""
    machine = application_server.copy(tmp_path_factory.mktemp("units"))
    machine.install_release()
    shutil.copytree("/lib/systemd/system", machine.file("/usr/lib/systemd/system"), symlinks=True)
    machine.file("/lib").symlink_to("usr/lib")
    (machine.root / "usr/bin").mkdir()
    shutil.copy("/bin/kill", machine.file("/usr/bin/kill"))
    machine.file("/bin").symlink_to("usr/bin")
    return machine


def analyze(machine: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [tools.path("systemd-analyze"), f"--root={machine.root}", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def instance(name: str) -> str:
    return name.replace("@.", "@1.")


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_each_line(installed: Machine, unit: str) -> None:
    done = analyze(installed, "verify", "--man=no", instance(unit))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_each_service_is_walled_in(installed: Machine, unit: str) -> None:
    done = analyze(
        installed, "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", unit
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert told and float(told[1]) <= MOST_EXPOSED


@pytest.mark.parametrize(
    ("timer", "expected"),
    [
        ("raiox-backup-database.timer", "05:00:00 UTC"),  # 02:00 in São Paulo
        ("raiox-verify-backup.timer", "07:00:00 UTC"),
    ],
)
def test_timers_keep_to_the_hours_of_sao_paulo(timer: str, expected: str) -> None:
    when = re.search(r"^OnCalendar=(.+)$", (SYSTEMD / timer).read_text(), re.MULTILINE)
    assert when
    done = subprocess.run(
        [tools.path("systemd-analyze"), "calendar", when[1]], capture_output=True, text=True,
        env={**os.environ, "TZ": "UTC"},
    )  # fmt: skip
    assert expected in done.stdout


@pytest.mark.parametrize("timer", [name for name in UNITS if name.endswith(".timer")])
def test_a_job_that_fails_tells_somebody(timer: str) -> None:
    service = (SYSTEMD / timer.replace(".timer", ".service")).read_text()
    assert "OnFailure=raiox-alert@%n.service" in service


def test_web_goes_before_what_can_wait_for_a_processor() -> None:
    weights = {
        name: re.findall(r"^(?:CPUWeight|Nice)=.*$", (SYSTEMD / name).read_text(), re.MULTILINE)
        for name in UNITS
        if name.endswith(".service")
    }
    assert weights.pop("raiox-web.service") == weights.pop("raiox-alert@.service") == []
    # Linux shares processors among services: Nice= counts within one only. A weight counts among
    # neighbours, and systemd would put a template's services into a slice of their own.
    worker = (SYSTEMD / "raiox-worker@.service").read_text()
    assert re.search(r"^Slice=system\.slice$", worker, re.MULTILINE)
    assert set(map(tuple, weights.values())) == {("CPUWeight=10",)}


# Secrets as files


def environment_of(conf: Path, credentials: Path) -> dict[str, str]:
    """The variables that a unit's file sets, with the credentials in a folder."""
    lines = re.findall(r"^Environment=([A-Z_]+)=(.+)$", conf.read_text(), re.MULTILINE)
    return {name: value.replace("%d", str(credentials)) for name, value in lines}


@pytest.mark.parametrize("name", ["product.conf", "backups.conf"])
def test_each_secret_reaches_the_settings_out_of_its_file(name: str, tmp_path: Path) -> None:
    conf = SYSTEMD / name
    names = re.findall(r"^LoadCredential=([A-Z_]+):/etc/raiox/credentials/\1$",
                       conf.read_text(), re.MULTILINE)  # fmt: skip
    told = environment_of(conf, tmp_path)
    assert [f"{name}_FILE" for name in names] == [name for name in told if name.endswith("_FILE")]
    values = {name: f"of-{name.lower()}" for name in names}
    values |= {
        "DATABASE_URL": "postgresql://u@db.example/of-database-url",
        "DATABASE_REPLICA_URL": "postgresql://u@db2.example/of-database-replica-url",
        "EMAIL_URL": "smtp://of-email-url.example:25",
        "SENTRY_DSN": "https://key@sentry.example/1",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(value + "\n")
    for name, found in settings_under(told, names).items():
        if name.startswith("DATABASE"):
            place = values[name].rpartition("/")[2]
            assert f"'{place}'" in settings_under(told, ["DATABASES"])["DATABASES"]
        else:
            assert found in (values[name], str([values[name]])), name


def test_every_secret_of_the_settings_has_its_file() -> None:
    read = "".join(path.read_text() for path in (ROOT / "raiox" / "settings").glob("*.py"))
    names = re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", read)
    secret = re.compile(r"(KEY|SECRET|TOKENS?|DSN)$|^(DATABASE|REDIS|EMAIL)\w*_URL$")
    given = "".join((SYSTEMD / name).read_text() for name in ("product.conf", "backups.conf"))
    handed = set(re.findall(r"^LoadCredential=([A-Z_]+):", given, re.MULTILINE))
    assert handed == {name for name in names if secret.search(name)}


def test_an_empty_file_is_a_setting_that_is_not_there(tmp_path: Path) -> None:
    told = environment_of(SYSTEMD / "product.conf", tmp_path)
    told |= environment_of(SYSTEMD / "backups.conf", tmp_path)
    for path in told.values():
        if path.startswith(str(tmp_path)):
            Path(path).touch()
    (tmp_path / "BACKUP_KEY").write_text("of-backups\n")
    asked = ["EMAIL_IS_CONFIGURED", "JF_SECRET", "SENTRY_DSN", "CACHES", "OBJECTS_BACKUP_KEY"]
    found = settings_under(told, asked)
    assert (found["EMAIL_IS_CONFIGURED"], found["JF_SECRET"]) == ("False", "[]")
    # The default counts, here another secret.
    assert found["OBJECTS_BACKUP_KEY"] == "of-backups"
    assert found["SENTRY_DSN"] == "" and "locmem" in found["CACHES"]


def settings_under(told: dict[str, str], names: list[str]) -> dict[str, str]:
    """Settings as text, in a process that was told nothing else."""
    code = "import sys, raiox.settings as s\n"
    code += "for name in sys.argv[1:]: print(name, getattr(s, name, ''))"
    given = {"PATH": os.environ["PATH"], "RAIOX_ENV": "stage"}
    unset = {"PROMETHEUS_MULTIPROC_DIR", "RAIOX_VAR_DIR"}
    given |= {name: value for name, value in told.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=ROOT, env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in done.stdout.splitlines()}


# The web process, started as its unit starts it: by its command line, with systemd's socket


class Unit:
    """raiox-web.service without systemd: the same command, socket and signals."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(folder / "notify"))
        self.notices.settimeout(60)
        text = (SYSTEMD / "raiox-web.service").read_text()
        command = re.search(r"^ExecStart=/opt/raiox/current/\.venv/bin/python (.+)$", text, re.M)
        assert command and "ExecReload=/bin/kill -HUP $MAINPID" in text
        self.command = command[1]

    def start(self) -> None:
        """Until it says that it is there."""
        number = self.listener.fileno()
        script = (
            f"exec 3<&{number}; LISTEN_PID=$$ LISTEN_FDS=1 exec {sys.executable} {self.command}"
        )
        with (self.folder / "web.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", script], cwd=ROOT, stdout=log, stderr=log, pass_fds=[number],
                env={**self.stack.environment, "NOTIFY_SOCKET": str(self.folder / "notify"),
                     "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics")},
            )  # fmt: skip
        assert b"READY=1" in self.notices.recv(1000)

    def stop(self) -> None:
        """As systemd does: SIGTERM, and the socket stays."""
        self.process.terminate()
        assert self.process.wait(40) == 0

    def children(self) -> set[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(map(int, path.read_text().split()))


@pytest.fixture
def unit(stack: Stack, tmp_path: Path) -> Iterator[Unit]:
    made = Unit(stack, tmp_path)
    with closing(made.listener), closing(made.notices):
        made.start()
        yield made
        made.stop()


@contextmanager
def asking(url: str) -> Iterator[list[int | str]]:
    """Four visitors who come again and again; the statuses they got, or what went wrong."""
    answers: list[int | str] = []
    is_over = threading.Event()

    def visit() -> None:
        while not is_over.is_set():
            try:
                answers.append(requests.get(f"{url}/healthcheck", timeout=40).status_code)
            except requests.RequestException as error:
                answers.append(repr(error))

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        yield answers
    finally:
        is_over.set()
        for visitor in visitors:
            visitor.join()


def test_a_restart_refuses_nobody(unit: Unit) -> None:
    with asking(unit.url) as answers:
        wait_for(lambda: len(answers) > 20, 60)
        unit.stop()
        before = len(answers)
        unit.start()
        wait_for(lambda: len(answers) > before + 20, 60)
    assert set(answers) == {200}


def test_a_reload_changes_the_processes_and_refuses_nobody(unit: Unit) -> None:
    with asking(unit.url) as answers:
        wait_for(lambda: len(answers) > 20, 60)
        old = unit.children()
        unit.process.send_signal(signal.SIGHUP)
        wait_for(lambda: unit.children() and not unit.children() & old, 60)
        before = len(answers)
        wait_for(lambda: len(answers) > before + 20, 60)
    assert set(answers) == {200}


def test_without_the_socket_a_restart_would_refuse_visitors(stack: Stack) -> None:
    """That the test above can fail: the same with a socket that ends with the process."""
    with asking(stack.url) as answers:
        wait_for(lambda: len(answers) > 20, 60)
        stack.stop("web")
        time.sleep(0.2)
        stack.start_web()
    assert set(answers) != {200}
