"""`manage.py up` as a person uses it: real database, web and worker, in test mode."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from raiox.embedded_postgres.cluster import Cluster
from raiox.up.child import MARK
from raiox.up.session import answers
from tests.up.conftest import wait_until
from tests.up.test_session import two_free_ports

Up = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """The folder of an installation of its own, with a cluster of its own."""
    yield tmp_path / "var"
    cluster = Cluster(tmp_path / "var" / "postgres-test")
    cluster.stop()
    for made in (cluster.places.home, cluster.places.socket_folder):
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def up(var: Path) -> Iterator[Up]:
    """Starts `manage.py up` for the installation."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, mode: str = "test") -> subprocess.Popen[str]:
        chosen = {"RAIOX_ENV": mode, "RAIOX_VAR_DIR": str(var)}
        process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", *arguments],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "raiox.settings", **chosen},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def test_up_serves_until_ctrl_c_and_leaves_nothing(up: Up, var: Path) -> None:
    port = two_free_ports()
    first = up("--port", str(port))
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/ping") or first.poll(), seconds=60)
    assert first.poll() is None, first.communicate()[0]

    second = up("--port", str(two_free_ports()))
    told, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert f"already runs from this folder: http://127.0.0.1:{port}" in told
    assert answers(f"http://127.0.0.1:{port}/ping")

    first.send_signal(signal.SIGINT)
    shown, _ = first.communicate(timeout=30)
    assert first.returncode == 0
    assert shown.rstrip().endswith("Stopped.")
    assert "Traceback" not in shown
    assert not answers(f"http://127.0.0.1:{port}/ping")
    assert marked_processes(var) == []
    assert not Cluster(var / "postgres-test").running()


def test_up_refuses_a_used_port_before_it_starts_anything(up: Up, var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = up("--port", str(port))
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Port {port} can't be used" in told
    assert not Cluster(var / "postgres-test").running()


def test_up_refuses_unsafe_settings_before_it_starts_anything(up: Up, var: Path) -> None:
    told, _ = (process := up(mode="production")).communicate(timeout=60)
    assert process.returncode == 1
    for code in ("raiox.E001", "raiox.E010"):
        assert code in told
    assert "is starting" not in told
    assert not var.exists()


def test_up_itself_loads_no_application() -> None:
    source = (
        "import sys; sys.argv = ['manage.py', 'up', '--host', '0.0.0.0']\n"
        "import manage\n"
        "try: manage.main()\n"
        "except SystemExit: print('implants.models' in sys.modules, 'psycopg' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=settings.BASE_DIR, capture_output=True, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "raiox.settings", "RAIOX_ENV": "local"},
    )  # fmt: skip
    assert "listens on 127.0.0.1 only" in done.stderr
    assert done.stdout == "False False\n"


def test_commands_run_with_the_collector_of_garbage_which_passes_over_what_was_loaded() -> None:
    source = "import gc; print(gc.isenabled(), gc.get_freeze_count() > 100_000, gc.get_threshold())"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", source],
        cwd=settings.BASE_DIR, capture_output=True, text=True, check=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "raiox.settings", "RAIOX_ENV": "test"},
    )  # fmt: skip
    assert done.stdout == f"True True {gc.get_threshold()}\n"


def test_up_in_local_mode_listens_on_loopback_only(up: Up) -> None:
    process = up("--host", "0.0.0.0", mode="local")  # noqa: S104  # that it is refused
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "listens on 127.0.0.1 only" in told


def marked_processes(var: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(var):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
