"""Errors in the log files."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from raiox.common.logs import formatter
from raiox.golive import log_lines
from raiox.golive.line import Line, Plan, Status
from raiox.golive.log_lines import no_errors
from raiox.management.commands.golive_check import Command
from raiox.settings.environment import PROJECT_DIR


def logged(level: int, message: str, *, hours_ago: float = 0, broken: bool = False) -> str:
    """A line as the service writes it."""
    exc_info = None
    if broken:
        try:
            raise KeyError(message)
        except KeyError:
            exc_info = sys.exc_info()
    record = logging.LogRecord("cases.tasks", level, "f.py", 1, message, (), exc_info)
    record.created = (datetime.now(UTC) - timedelta(hours=hours_ago)).timestamp()
    return formatter("json").format(record) + "\n"


def check(*places: Path) -> Line:
    return no_errors(Plan(url="", logs=places, hours=2))


@pytest.fixture
def web(tmp_path: Path) -> Path:
    path = tmp_path / "web.log"
    path.write_text(
        logged(logging.ERROR, "long ago", hours_ago=3, broken=True)
        + "Traceback (most recent call last):\n"
        + logged(logging.INFO, "request")
        + logged(logging.WARNING, "webhook refused: malformed body")
    )
    return path


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_what_is_well(web: Path) -> None:
    assert check(web) == Line(Status.OK, "2 lines of 1 files in 2 hours, no error")
    assert check(web.parent) == check(web)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (logged(logging.ERROR, "job failed"), "1 × job failed"),
        (logged(logging.WARNING, "odd", broken=True), "1 × odd (KeyError)"),
        ("Traceback (most recent call last):\n", "1 × Traceback (most recent call last)"),
    ],
)
def test_what_is_not_well(web: Path, text: str, told: str) -> None:
    add(web, text)
    line = check(web.parent)
    assert (line.status, line.seen.endswith(told)) == (Status.FAIL, True), line


def test_what_was_rotated_counts_too(web: Path) -> None:
    web.with_name("worker-1.log.1").write_text(logged(logging.ERROR, "job failed"))
    assert check(web.parent).status == Status.FAIL


def test_lines_that_are_piped(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with web.open() as lines:
        monkeypatch.setattr("sys.stdin", lines)
        assert check(Path("-")) == Line(Status.OK, "2 lines of 1 files in 2 hours, no error")


def test_lines_that_begin_too_late(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after midnight, when *.log alone is piped: errors of before stand in *.log.1."""
    web.write_text(logged(logging.INFO, "request", hours_ago=0.5))
    line = check(web)
    assert (line.status, "first of them is 0.5 hours old" in line.seen) == (Status.WARN, True)
    assert "*.log.1" in line.todo
    web.with_name("web.log.1").write_text(logged(logging.INFO, "request", hours_ago=5))
    assert check(web.parent) == Line(Status.OK, "1 lines of 2 files in 2 hours, no error")
    web.write_text(logged(logging.ERROR, "job failed", hours_ago=0.5))
    assert check(web).status == Status.FAIL


def test_the_pipe_that_is_told_holds_what_was_rotated(tmp_path: Path) -> None:
    """In the check's own words, in the command's help and in the runbook."""
    texts = [log_lines._PIPE, Command.examples, (PROJECT_DIR / "deploy/OPERACAO.md").read_text()]
    (tmp_path / "web.log").write_text("today\n")
    (tmp_path / "web.log.1").write_text("yesterday\n")
    (tmp_path / "web.log.2.gz").write_text("packed\n")
    pipes = [pipe for text in texts for pipe in re.findall(r"(cat /var/log[^|]+)\|", text)]
    assert len(pipes) == 3
    for pipe in pipes:
        command = pipe.replace("/var/log/raiox", str(tmp_path))
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert done.stdout == "yesterday\ntoday\n", pipe


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that this account may not look into: root becomes somebody else meanwhile."""
    with TemporaryDirectory() as name:
        folder, was = Path(name), os.geteuid()
        (folder / "web.log").write_text(logged(logging.INFO, "request"))
        folder.chmod(0)
        if was == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(was)
            folder.chmod(0o700)


def test_logs_that_this_account_may_not_read(locked: Path) -> None:
    line = check(locked)
    assert (line.status, "not readable" in line.seen) == (Status.WARN, True)
    assert "--logs -" in line.todo


def test_where_nothing_is_written(tmp_path: Path) -> None:
    assert check().status == Status.WARN
    assert "no log files" in check(tmp_path, tmp_path / "nowhere").seen
    (tmp_path / "web.log").write_text(logged(logging.INFO, "request", hours_ago=3))
    line = check(tmp_path)
    assert (line.status, line.seen) == (Status.WARN, "0 lines of 1 files in 2 hours")
