"""Whoever waits at the gate passes when it is opened, and never otherwise."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

import pytest

from raiox.up.gate import Gate
from tests.sandbox.process import ROOT
from tests.up.conftest import wait_until

_WAIT = "import sys; from raiox.up import gate; gate.wait(int(sys.argv[1])); print('passed')"
# An `up` that starts a process at its gate, and dies.
_DIES = """
import subprocess, sys
from raiox.up.gate import Gate
with Gate() as gate:
    command = [sys.executable, "-c", sys.argv[1], str(gate.ear)]
    process = subprocess.Popen(command, pass_fds=[gate.ear], stderr=subprocess.STDOUT)
    print("started", flush=True)
    sys.stdin.read()
"""
# Preparing changes the tables, and on a server the list of static files.
_LOADS = """
import gc
from raiox.up import early
early._load()
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import default_storage
from django.db import connections
from django.utils.functional import empty
opened = [one for one in connections.all(initialized_only=True) if one.connection]
files = (staticfiles_storage, default_storage)
print(*(one._wrapped is empty for one in files), opened, gc.isenabled())
"""
# What stands in gunicorn's place: a module beside the installation.
_MODULE = "import sys; open(sys.argv[1], 'w').write(' '.join(sys.argv[2:]))"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture
def start(gate: Gate) -> Iterator[Start]:
    """Starts a Python process that is given the gate."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *command: str, output: int | TextIO = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, pass_fds=[gate.ear],
            stdout=output, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "raiox.settings", **environment},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_closed_gate_holds_and_open_one_lets_everybody_through(gate: Gate, start: Start) -> None:
    first = start("-c", f"print('waits', flush=True); {_WAIT}", str(gate.ear))
    assert first.stdout
    assert first.stdout.readline() == "waits\n"
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(1)
    gate.open()
    assert first.communicate(timeout=20)[0] == "passed\n"
    again = start("-c", _WAIT, str(gate.ear))
    assert again.communicate(timeout=20)[0] == "passed\n"


def test_nobody_passes_when_up_dies() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _DIES, _WAIT], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as up:  # fmt: skip
        assert up.stdout
        assert up.stdout.readline() == "started\n"
        up.kill()
        assert up.stdout.read() == "The supervisor is gone.\n"


def test_loading_connects_to_nothing_and_opens_no_list_of_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADS], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "raiox.settings", "RAIOX_ENV": "test"},
    )  # fmt: skip
    assert done.stdout == "True True [] True\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere gunicorn forks before it loads")
def test_early_web_is_loaded_without_a_database_and_runs_when_all_is_prepared(
    gate: Gate, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "stand_in.py").write_text(_MODULE)
    written, imports = tmp_path / "written", tmp_path / "imports"
    with imports.open("w") as output:
        process = start(
            "-v", "-m", "raiox.up.early", str(gate.ear), "stand_in", str(written), "--bind", "it",
            output=output, PYTHONPATH=str(tmp_path),
            DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        )  # fmt: skip
    # The applications, and the last of what it loads.
    for line in ("import 'raiox.urls'", "import 'gunicorn.workers.gthread'"):
        wait_until(partial(has, imports, line), seconds=60)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    assert not written.exists()
    gate.open()
    assert process.wait(20) == 0
    assert written.read_text() == "--bind it"


def has(path: Path, text: str) -> bool:
    return text in path.read_text()
