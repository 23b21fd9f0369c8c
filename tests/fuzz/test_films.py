"""A few hundred damaged films; `make test-faults` goes on for longer."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("what", "runs"), [("film", 200), ("payload", 2000), ("answer", 2000)])
def test_damaged_input_is_taken_or_refused_by_name(what: str, runs: int) -> None:
    command = [sys.executable, "-m", "tests.fuzz", what, "--runs", str(runs), "--seconds", "120"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {runs} runs" in done.stderr
