"""Reading a file in a process of its own, within bounds of memory and time."""

import json
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from implants.formats import Busy, Unreadable

_ROOT: Final = Path(__file__).resolve().parents[2]
# The child counts its own seconds at work (`__main__`); on the clock it may have to wait for a
# busy machine.
_WAIT_SECONDS: Final = 15

# One at a time in a process: several at their memory limit at once would be more than a small
# server has. Few may wait for it: the others' threads are needed by those who send no such files.
_turn = threading.Lock()
_waiting = threading.BoundedSemaphore(3)


@dataclass(frozen=True, slots=True)
class Pixels:
    """What was read: a binary PGM of 8 or 16 bits, and the hue variation of the original.

    `pages` is how many pictures the file holds; the PGM is the first.
    """

    pgm: bytes
    colour: float
    pages: int


def read_apart(kind: str, data: bytes) -> Pixels:
    """The first picture of a file of this kind; raises `Unreadable`.

    A file that takes too much memory is `too_large`, one that takes too long `unsupported_format`
    (as another format it can be read), one that brings the reader down `not_an_image`. Raises
    `Busy` when others are waiting already, or the machine and not the file is to blame.
    """
    if not _waiting.acquire(blocking=False):
        raise Busy
    try:
        with _turn:
            done = _run(kind, data)
    except subprocess.TimeoutExpired:
        raise Busy from None
    finally:
        _waiting.release()
    if done.returncode == -signal.SIGKILL:
        raise Busy  # the system was short of memory
    if done.returncode in (-signal.SIGXCPU, -signal.SIGPROF):
        raise Unreadable("unsupported_format")
    if done.returncode != 0:
        raise Unreadable("not_an_image")
    return _parse(done.stdout)


def _run(kind: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-P", "-m", "implants.formats", kind],
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # messages of a parser may quote the file
        env=_environment(),
        timeout=_WAIT_SECONDS,
        check=False,
    )


def _environment() -> dict[str, str]:
    """No setting of the service, so no secret, goes to the parser of a stranger's file."""
    return {"PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"}


def _parse(output: bytes) -> Pixels:
    head, _, pgm = output.partition(b"\n")
    answer: dict[str, Any] = json.loads(head)
    if "error" in answer:
        raise Unreadable(answer["error"])
    return Pixels(pgm, answer["colour"], answer["pages"])
