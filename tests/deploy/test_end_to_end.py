"""The end-to-end test of a stage, against a whole service on this machine."""

import subprocess
import sys
from typing import Any

import pytest

from tests.sandbox.process import ROOT
from tests.stack import SYSTEMS, Stack, film


@pytest.fixture
def environment(stack: Stack) -> dict[str, str]:
    """What the workflow gives it: an account, and a film among the form's uploads."""
    said = stack.manage("machine_account", "end-to-end", "--group", "Leitores")
    account = dict(line.split(": ", 1) for line in said.strip().splitlines())
    submission = stack.sandbox.submit(
        {}, files={"rx.png": film(SYSTEMS[0], query=True)}, webhook=False
    )
    return {
        "PUBLIC_URL": stack.url,
        "E2E_WEBHOOK_TOKEN": stack.token,
        "E2E_FILM_URL": uploaded(submission),
        "E2E_USERNAME": account["username"],
        "E2E_PASSWORD": account["password"],
    }


def uploaded(submission: dict[str, Any]) -> str:
    """The address of its first file, as the API tells it."""
    answers = submission["answers"].values()
    (files,) = [given["answer"] for given in answers if given["type"] == "control_fileupload"]
    return str(files[0])


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "deploy/release/end_to_end.py")
    return subprocess.run(
        [sys.executable, "-S", script], env=environment, capture_output=True, text=True
    )


def test_a_film_becomes_a_pending_case(stack: Stack, environment: dict[str, str]) -> None:
    for _ in range(2):
        done = run(environment)
        assert done.returncode == 0, done.stderr
    assert "was pending after" in done.stdout
    rows = stack.sql("SELECT count(*) FROM cases WHERE submission_id LIKE 'direct-%%'")
    assert rows == [(2,)], "each run sends a case of its own"


def test_a_film_that_is_none_is_told(stack: Stack, environment: dict[str, str]) -> None:
    done = run(environment | {"E2E_FILM_URL": environment["E2E_FILM_URL"] + ".gone"})
    assert done.returncode == 1
    assert "has a problem: no_usable_image" in done.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [("E2E_WEBHOOK_TOKEN", "answers 401"), ("E2E_PASSWORD", "answers 401")],
)
def test_who_is_not_let_in_hears_no_secret(
    environment: dict[str, str], name: str, reason: str
) -> None:
    done = run(environment | {name: "wrong-and-not-told"})
    assert (done.returncode, done.stderr) == (1, f"end to end: the service {reason}\n")


def test_a_service_that_is_down_is_told(environment: dict[str, str]) -> None:
    done = run(environment | {"PUBLIC_URL": "http://127.0.0.1:9"})
    assert done.returncode == 1
    assert "does not answer" in done.stderr
