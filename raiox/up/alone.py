"""One `up` for each installation, and nothing left of an earlier one that was killed."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from raiox.up.child import MARK

_PATIENCE_SECONDS = 3


class AlreadyRunning(Exception):
    """Another `up` serves this installation; the message says where."""


@contextmanager
def alone(var: Path, url: str) -> Iterator[None]:
    """Be the only `up` of the installation with the folder `var` while the block runs.

    The kernel frees the lock when we die, however that happens.
    """
    var.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(var / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_description(file.read())) from None
        file.truncate()
        json.dump({"pid": os.getpid(), "url": url}, file)
        file.flush()
        yield
        file.truncate(0)


def end_leftovers(var: Path) -> list[int]:
    """End the processes that a killed `up` of this installation left; call it while `alone`.

    They are known by the mark in their environment, so a process number that meanwhile belongs to
    somebody else is never touched. Gives their numbers.
    """
    family = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    left = [
        process
        for process in psutil.process_iter()
        if process.pid not in family and _mark_of(process) == str(var)
    ]
    for send in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(send)
        _, left_over = psutil.wait_procs(left, timeout=_PATIENCE_SECONDS)
        if not left_over:
            break
    return [process.pid for process in left]


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None  # somebody else's process


def _description(text: str) -> str:
    try:
        running = json.loads(text)
    except ValueError:  # it has just started, or is just ending
        return "Raiox already runs from this folder."
    return (
        f"Raiox already runs from this folder: {running['url']} "
        f"(stop it with Ctrl-C in its terminal, or with: kill {running['pid']})."
    )
