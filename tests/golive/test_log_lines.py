"""Errors in the log files."""

import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from raiox.common.logs import formatter
from raiox.golive.line import Line, Plan, Status
from raiox.golive.log_lines import no_errors


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
