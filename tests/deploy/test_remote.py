"""How the workflow reaches the machines: one by one, with a key that is left nowhere."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.process import ROOT

SCRIPT = ROOT / "deploy/release/remote.sh"
# Notes down how it was called; a host called "bad" fails.
SSH = """#!/bin/bash
while [[ $1 == -* ]]; do
    case $1 in -i) key=$2; shift ;; -o) options+=" $2"; shift ;; esac
    shift
done
echo "$(stat -c %a "$key") $(cat "$key") |$options | $*" >> "$NOTES"
[[ $1 != *@bad ]]
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a program in ssh's place."""
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "temporary").mkdir()
    return {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "NOTES": str(tmp_path / "notes"),
        "TMPDIR": str(tmp_path / "temporary"),
        "COMMIT": "0" * 40,
        "HOSTS": "one two",
        "KNOWN_HOSTS": "one ssh-ed25519 AAAA",
        "SSH_KEY": "the-key",
    }


def run(environment: dict[str, str]) -> tuple[int, list[str]]:
    """The exit code, and what ssh was told."""
    done = subprocess.run([str(SCRIPT)], env=environment, capture_output=True, text=True)
    notes = Path(environment["NOTES"])
    assert "the-key" not in done.stdout + done.stderr
    return done.returncode, notes.read_text().splitlines() if notes.exists() else []


def test_each_machine_is_told_the_commit_in_its_turn(environment: dict[str, str]) -> None:
    code, calls = run(environment)
    assert code == 0
    assert [call.rpartition("| ")[2] for call in calls] == [
        f"raiox-deploy@{host} {'0' * 40}" for host in ("one", "two")
    ]
    assert all(call.startswith("600 the-key |") for call in calls)
    assert all("StrictHostKeyChecking=yes" in call for call in calls)
    assert list(Path(environment["TMPDIR"]).iterdir()) == [], "the key is gone"


def test_the_first_that_fails_ends_it(environment: dict[str, str]) -> None:
    code, calls = run(environment | {"HOSTS": "bad two"})
    assert code == 1
    assert len(calls) == 1
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("name", ["COMMIT", "HOSTS", "KNOWN_HOSTS", "SSH_KEY"])
def test_what_is_missing_is_named(environment: dict[str, str], name: str) -> None:
    done = subprocess.run(
        [str(SCRIPT)], env=environment | {name: ""}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert name in done.stderr
