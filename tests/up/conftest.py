"""Small real programs to supervise."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from raiox.up.child import Program

ProgramMaker = Callable[..., Program]


def wait_until(is_true: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as it is true; fail when it does not get so."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def program(tmp_path: Path) -> ProgramMaker:
    """Makes a program of a few lines of Python; `note(text)` in it adds a line to `notes`."""
    prelude = (
        "import os, signal, subprocess, sys, time\n"
        "def note(text):\n"
        f"    with open({str(tmp_path / 'notes')!r}, 'a') as file: file.write(f'{{text}}\\n')\n"
    )

    def make(name: str, source: str, stop_seconds: float = 3) -> Program:
        command = [sys.executable, "-c", prelude + source]
        log = tmp_path / "log" / f"{name}.log"
        return Program(name, command, tmp_path, log=log, stop_seconds=stop_seconds)

    return make


@pytest.fixture
def notes(tmp_path: Path) -> Callable[[], list[str]]:
    """What the programs have noted so far."""
    path = tmp_path / "notes"
    return lambda: path.read_text().split() if path.exists() else []
