"""One `up` for each installation, and none of what a killed one left."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from raiox.up.alone import AlreadyRunning, alone, end_leftovers
from raiox.up.child import MARK

_HOLD = """
import sys
from pathlib import Path
from raiox.up.alone import alone
with alone(Path(sys.argv[1]), "http://127.0.0.1:8000"):
    print("holds", flush=True)
    sys.stdin.read()
"""
_SLEEP = "import sys, time; print('up', flush=True); time.sleep(60)"
Sleeper = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def other_up(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is the `up` of this installation."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdout.readline() == "holds\n"
        yield process
        process.kill()


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    """Starts processes that carry a mark."""
    started: list[subprocess.Popen[str]] = []

    def start(mark: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _SLEEP]
        environment = {**os.environ, MARK: mark}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout and process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_second_up_is_told_where_the_first_answers(
    tmp_path: Path, other_up: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(AlreadyRunning, match=rf"http://127\.0\.0\.1:8000 .*kill {other_up.pid}\)"),
        alone(tmp_path, "http://127.0.0.1:9000"),
    ):
        pass
    assert other_up.poll() is None


def test_killed_up_is_not_in_the_way(tmp_path: Path, other_up: subprocess.Popen[str]) -> None:
    other_up.kill()
    other_up.wait()
    with alone(tmp_path, "http://127.0.0.1:9000"):
        assert "9000" in (tmp_path / "up.lock").read_text()


def test_another_installation_is_not_in_the_way(
    tmp_path: Path, other_up: subprocess.Popen[str]
) -> None:
    with alone(tmp_path / "other", "http://127.0.0.1:9000"):
        assert other_up.poll() is None


def test_leftovers_of_this_installation_are_ended(tmp_path: Path, sleeper: Sleeper) -> None:
    ours, others = sleeper(str(tmp_path)), sleeper(str(tmp_path / "other"))
    assert end_leftovers(tmp_path) == [ours.pid]
    assert ours.poll() is not None
    assert others.poll() is None


def test_own_family_is_no_leftover(tmp_path: Path) -> None:
    source = (
        "import sys; from pathlib import Path; from raiox.up.alone import end_leftovers\n"
        "print(end_leftovers(Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, str(tmp_path)],
        env={**os.environ, MARK: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
