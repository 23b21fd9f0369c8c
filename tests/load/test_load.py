"""`python -m deploy.load` against real services, for a few seconds."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.process import ROOT
from tests.stack import REVIEWERS, Stack

# A machine that does other work as well must not fail these tests.
PATIENT = ["--late=60", *(f"--{kind}-p95=60000" for kind in ("webhooks", "searches", "pages"))]
SHORT = ["--seconds=2", "--rate=4", *PATIENT]


def load(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One run, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.load", *options], cwd=ROOT, capture_output=True, text=True,
        timeout=300, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Stack]:
    """A service that runs already."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def known(stack: Stack) -> dict[str, str]:
    """What a run on another host is told."""
    return {
        "LOAD_TOKEN": stack.token,
        "LOAD_USERNAME": REVIEWERS[0],
        "LOAD_PASSWORD": stack.passwords[REVIEWERS[0]],
    }


def test_run_on_a_service_of_its_own() -> None:
    done = load("--seconds=4", "--rate=10", *PATIENT)

    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "All targets were met." in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["events", "stored", ">=", "40", "40", "yes"] in rows
    assert ["cases", "40", "40", "yes"] in rows
    assert ["webhooks", "failed", "0", "0", "of", "40", "yes"] in rows


def test_run_on_a_service_that_runs_already(stack: Stack) -> None:
    done = load("--host", stack.url, *SHORT, **known(stack))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All targets were met." in done.stdout
    direct = "SELECT count(*) FROM cases WHERE submission_id LIKE 'direct-%%'"
    assert stack.sql(direct) == [(8,)]
    assert stack.token not in done.stdout + done.stderr


def test_target_out_of_reach_fails_the_run(stack: Stack) -> None:
    options = [*SHORT, "--webhooks-p95=0.001"]
    done = load("--host", stack.url, *options, **known(stack))

    assert done.returncode == 1
    assert "Missed: webhooks p95\n" in done.stdout


def test_wrong_token_fails_the_run(stack: Stack) -> None:
    done = load("--host", stack.url, *SHORT, **known(stack) | {"LOAD_TOKEN": "wrong"})

    assert done.returncode == 1
    assert "webhooks: 8 × /webhook: 401" in done.stdout
    assert "webhooks accepted" in done.stdout.rpartition("Missed: ")[2]


def test_missing_settings_are_named(stack: Stack) -> None:
    done = load("--host", stack.url, *SHORT)

    assert done.returncode == 2
    assert "LOAD_TOKEN (or LOAD_TOKEN_FILE) is not set." in done.stderr


def test_worker_that_is_gone_fails_the_run(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.stop("worker")
    done = load("--host", stack.url, *SHORT, "--patience=3", **known(stack))
    stack.start_worker()

    assert done.returncode == 1
    assert "Missed: cases\n" in done.stdout


def test_server_that_is_gone_fails_the_run(stack: Stack, tmp_path: Path) -> None:
    stack.stop("web")
    done = load("--host", stack.url, *SHORT, **known(stack))

    assert done.returncode == 1
    assert stack.token not in done.stdout + done.stderr
