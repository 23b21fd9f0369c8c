"""One supervised process: started in a process group of its own, with a log, and ended for sure."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# Names the installation in each child's environment, so that the next `up` knows what is left.
MARK = "RAIOX_UP_OF"
_LOUD = re.compile(r"\b(ERROR|CRITICAL)\b|\"level\": \"(error|critical)\"")
_OLD_LOG_BYTES = 10_000_000
_LAUNCH = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]


@dataclass(frozen=True)
class Program:
    """What to run in `folder`. Without `log` it writes to our own output.

    `descriptors` are open files of ours that it gets under the same numbers.
    """

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    stop_seconds: float = 3
    descriptors: Sequence[int] = ()


class Child:
    """A running `Program`, or one that has ended and waits to be started again."""

    def __init__(self, program: Program, mark: str) -> None:
        self.program = program
        self.started_at = 0.0
        self.failures = 0
        self.restart_at: float | None = None
        told = {**program.environment, MARK: mark, "PYTHONUNBUFFERED": "1"}
        self._environment = {**os.environ, **told}
        self._read_until = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it dies with us even when we are killed (on Linux)."""
        output = self._open_log()
        self._process = subprocess.Popen(  # noqa: S603  # our own commands
            [*_LAUNCH, str(os.getpid()), *self.program.command],
            cwd=self.program.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if output is None else subprocess.STDOUT,
            # No session: Linux shares processors among sessions, and `nice` counts within one only.
            process_group=0,
            pass_fds=self.program.descriptors,
        )
        self.started_at = time.monotonic()
        if output is not None:
            os.close(output)

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll() if self._process else None

    def ask_to_stop(self) -> None:
        """Ask for an orderly end."""
        if self._process and self.exit_code() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it and every process of its group."""
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def last_lines(self, count: int = 15) -> str:
        """The end of its log, to show when it fails."""
        if self.program.log is None or not self.program.log.exists():
            return ""
        return "\n".join(self.program.log.read_text(errors="replace").splitlines()[-count:])

    def new_errors(self) -> list[str]:
        """Lines of its log since the last call that a person should see."""
        if self.program.log is None or not self.program.log.exists():
            return []
        with self.program.log.open("rb") as file:
            file.seek(self._read_until)
            complete = file.read().rpartition(b"\n")
        self._read_until += len(complete[0]) + len(complete[1])
        lines = complete[0].decode(errors="replace").splitlines()
        return [line for line in lines if _LOUD.search(line)]

    def _open_log(self) -> int | None:
        log = self.program.log
        if log is None:
            return None
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _OLD_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._read_until = os.fstat(descriptor).st_size
        return descriptor
