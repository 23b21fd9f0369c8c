"""No process of one environment starts on the database of another."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from raiox.up.plan import Plan
from tests.sandbox.process import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.django_db


@pytest.fixture
def claimed_by_production(stack: Stack) -> Iterator[Stack]:
    stack.execute("INSERT INTO installation VALUES (1, 'production', 'b')")
    yield stack
    stack.execute("DELETE FROM installation")


def environment_of(stack: Stack, mode: str) -> dict[str, str]:
    """All that a server needs, with the database of `stack`."""
    names = (
        "SECRET_KEY", "WEBHOOK_TOKENS", "JOTFORM_API_KEY", "DO_SPACES_KEY", "DO_SPACES_SECRET"
    )  # fmt: skip
    return {
        **{name: secrets.token_urlsafe(50) for name in names},
        "PATH": os.environ["PATH"],
        "RAIOX_ENV": mode,
        "DATABASE_URL": stack.environment["DATABASE_URL"],
        "PUBLIC_URL": "https://stage.raiox.example",
        "ALLOWED_HOSTS": "stage.raiox.example",
        "DO_SPACES_BUCKET": "b",
    }


@pytest.mark.parametrize("what", [("manage.py", "check"), ("-c", "import raiox.wsgi")])
def test_no_process_of_stage_starts_on_productions_database(
    claimed_by_production: Stack, what: tuple[str, ...]
) -> None:
    environment = environment_of(claimed_by_production, "stage")
    done = subprocess.run(
        [sys.executable, *what], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "The database belongs to production, and this is stage." in done.stderr
    environment["RAIOX_ENV"] = "production"
    done = subprocess.run(
        [sys.executable, *what], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def unprepared(claimed_by_production: Stack) -> Iterator[Stack]:
    """Its groups lack what `prepare` would give them."""
    claimed_by_production.execute("DELETE FROM auth_group_permissions")
    yield claimed_by_production
    claimed_by_production.manage("ensure_groups")


def test_up_leaves_productions_database_alone(unprepared: Stack) -> None:
    environment = environment_of(unprepared, "stage")
    done = subprocess.run(
        [sys.executable, *Plan("127.0.0.1", 1).prepare().command[1:]],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "The database belongs to production, and this is stage." in done.stderr
    assert unprepared.sql("SELECT FROM auth_group_permissions") == []
