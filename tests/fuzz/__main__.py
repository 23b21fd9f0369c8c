"""Fuzzing for a while, guided by coverage: what broke, or the figures.

    python -m tests.fuzz film payload answer --seconds 25
    python -m tests.fuzz film --file var/fuzz/film

For each target a process of its own is started, watched, and ended in time whatever it does. Exits
with 1 when an input crashed it, let out anything but a typed refusal, or took more CPU or memory
than it may (`figures`); that input is kept under `var/fuzz`, to be tried again by `--file`.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.fuzz.figures import Figures

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / "var" / "fuzz"
TARGETS: Final = ("film", "payload", "answer")
GRACE_SECONDS: Final = 180.0
"""To start, which takes a busy machine a minute, and for the last input."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="+", choices=TARGETS)
    parser.add_argument("--seconds", type=float, default=60, help="for each target (60)")
    parser.add_argument("--runs", type=int, default=0, help="inputs, if that is sooner")
    parser.add_argument("--file", type=Path, help="one input, instead of many made-up ones")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    worker = [sys.executable, "-m", "tests.fuzz.worker"]
    options = ["--seconds", str(asked.seconds), "--runs", str(asked.runs)]
    if asked.file:
        return subprocess.run(
            [*worker, asked.what[0], ".", *options, "--file", asked.file]
        ).returncode
    well = [watch([*worker, what], options, what, asked.seconds) for what in asked.what]
    return 0 if all(well) else 1


def watch(
    command: list[str],
    options: list[str],
    what: str,
    seconds: float,
    *,
    grace: float = GRACE_SECONDS,
    kept: Path = KEPT,
) -> bool:
    """Runs `command PLACE *options` and tells of it; whether no rule was broken."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        code, said = _run([*command, folder, *options], place, seconds + grace)
        told = place / "figures.json"
        figures = Figures.load(told) if told.exists() else None
        print(f"{what}: {figures or 'no figures'}", flush=True)
        if code == 0 and figures and figures.inputs:
            return True
        kept.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.copy(place / "input", kept / what)
        print(f"{said[-4000:]}\n{what}: BROKEN, {_how(code)}; its last input is {kept / what}")
    return False


def _run(command: list[str], place: Path, seconds: float) -> tuple[int | None, str]:
    """Its exit code, None if it had to be killed, and what it said."""
    with (place / "said").open("wb") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, cwd=ROOT, start_new_session=True
        )
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its readers too
            process.wait()
    return code, (place / "said").read_text(errors="replace")


def _how(code: int | None) -> str:
    if code is None:
        return "it did not end"
    return f"ended by signal {-code}" if code < 0 else f"ended with {code}"


if __name__ == "__main__":
    sys.exit(main())
