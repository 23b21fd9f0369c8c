"""Readers of films without their start: a process that has imported them all forks one a film.

The fuzzer's own process must not fork them. They would take libFuzzer's handlers of signals along,
and where a parser has damaged its heap, the handler of that crash waits for malloc's lock for ever.
This process is as the real program is when its imports are done, and waits for no reader longer
than `WAIT_SECONDS`.
"""

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from importlib import import_module
from types import TracebackType
from typing import Any, BinaryIO, Final, NoReturn, Self, cast

from implants.formats import apart
from implants.formats.__main__ import _READERS
from implants.formats.__main__ import main as read_one

WAIT_SECONDS: Final = 60.0
"""On the clock. A reader that works ends much sooner, by its own bound of CPU time."""


class Readers:
    """Stands for `apart._run`; `seconds` of CPU and `megabytes` at most, until they are reset."""

    def __init__(self, command: tuple[str, ...] = ("-m", "tests.fuzz.readers")) -> None:
        self._command = [sys.executable, "-P", *command]
        self.seconds, self.megabytes = 0.0, 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=apart._environment(),
        )
        self._real, apart._run = apart._run, self.run
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        apart._run = self._real
        self._process.kill()
        self._process.communicate()

    def run(self, kind: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
        """What the real one answers; a reader that hangs takes no CPU and a minute."""
        source, target = cast(BinaryIO, self._process.stdout), self._process.stdin
        assert target is not None
        target.write(json.dumps([kind, len(data)]).encode() + b"\n" + data)
        target.flush()
        answer: dict[str, Any] = json.loads(source.readline())
        written = source.read(answer["bytes"])
        self.seconds += answer["seconds"]
        self.megabytes = max(self.megabytes, answer["megabytes"])
        if answer["hung"]:
            raise subprocess.TimeoutExpired(kind, WAIT_SECONDS)
        return subprocess.CompletedProcess(kind, answer["code"], written)


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """One film after the other, until there are no more."""
    for name in set(_READERS.values()):
        import_module(f"implants.formats.{name}")
    while head := source.readline():
        kind, size = json.loads(head)
        answer, written = _read(kind, source.read(size))
        target.write(json.dumps({**answer, "bytes": len(written)}).encode() + b"\n" + written)
        target.flush()


def _read(kind: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _read_and_leave(kind, data, theirs)
    os.close(theirs)
    written, hung = _until_it_ends(ours)
    if hung:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss // 1024,
        "hung": hung,
    }, written


def _until_it_ends(source: int) -> tuple[bytes, bool]:
    """What the reader writes, and whether it was given up."""
    end = time.monotonic() + WAIT_SECONDS
    pieces: list[bytes] = []
    with os.fdopen(source, "rb", buffering=0) as stream:
        while select.select([stream], [], [], max(0.0, end - time.monotonic()))[0]:
            piece = stream.read(1 << 20)
            if not piece:
                return b"".join(pieces), False
            pieces.append(piece)
    return b"", True


def _read_and_leave(kind: str, data: bytes, target: int) -> NoReturn:
    """In the child, which never returns: as an uncaught error ends the real program, so with 1."""
    code = 1
    try:
        with os.fdopen(target, "wb") as stream:
            read_one(kind, io.BytesIO(data), stream)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
