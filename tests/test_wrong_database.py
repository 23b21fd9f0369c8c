"""No process of one environment starts on the database of another."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.sandbox.process import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.django_db


@pytest.fixture
def claimed_by_production(stack: Stack) -> Iterator[Stack]:
    stack.execute("INSERT INTO installation VALUES (1, 'production', 'b')")
    yield stack
    stack.execute("DELETE FROM installation")


@pytest.mark.parametrize("what", [("manage.py", "check"), ("-c", "import raiox.wsgi")])
def test_no_process_of_stage_starts_on_productions_database(
    claimed_by_production: Stack, what: tuple[str, ...]
) -> None:
    names = (
        "SECRET_KEY", "WEBHOOK_TOKENS", "JOTFORM_API_KEY", "DO_SPACES_KEY", "DO_SPACES_SECRET"
    )  # fmt: skip
    environment = {
        **{name: secrets.token_urlsafe(50) for name in names},
        "PATH": os.environ["PATH"],
        "RAIOX_ENV": "stage",
        "DATABASE_URL": claimed_by_production.environment["DATABASE_URL"],
        "PUBLIC_URL": "https://stage.raiox.example",
        "ALLOWED_HOSTS": "stage.raiox.example",
        "DO_SPACES_BUCKET": "b",
    }
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
