"""Settings by mode: what is missing or unsafe explains itself before anything starts."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from raiox.settings.environment import PROJECT_DIR, local_secret

REQUIRED = (
    "SECRET_KEY",
    "WEBHOOK_TOKENS",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "JOTFORM_API_KEY",
    "DO_SPACES_BUCKET",
    "DO_SPACES_KEY",
    "DO_SPACES_SECRET",
)


def check(mode: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check` in a fresh process that knows nothing of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT_DIR,
        env={**kept, "RAIOX_ENV": mode, **environment},
        capture_output=True,
        text=True,
    )


def complete() -> dict[str, str]:
    """Everything that production needs, with secrets made now."""
    return {
        **{name: secrets.token_urlsafe(50) for name in REQUIRED},
        "DATABASE_URL": "postgresql://raiox@127.0.0.1:1/raiox",
        "PUBLIC_URL": "https://raiox.example",
        "ALLOWED_HOSTS": "raiox.example",
    }


@pytest.mark.parametrize("mode", ["stage", "production"])
def test_every_missing_secret_is_named(mode: str) -> None:
    done = check(mode)
    assert done.returncode != 0
    for name in REQUIRED:
        assert f"{name} is not set." in done.stderr


def test_a_complete_production_passes() -> None:
    done = check("production", **complete())
    assert done.returncode == 0, done.stderr


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(secrets.token_urlsafe(50) + "\n")
    given = complete()
    del given["JOTFORM_API_KEY"]
    assert "JOTFORM_API_KEY is not set." in check("production", **given).stderr
    done = check("production", **given, JOTFORM_API_KEY_FILE=str(path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "identifier"),
    [
        ("DOWNLOAD_EXTRA_ORIGINS", "http://127.0.0.1:8001", "raiox.E002"),
        ("WEB_PROCESSES", "3", "raiox.E003"),
    ],
)
def test_what_is_unsafe_in_production_is_refused(name: str, value: str, identifier: str) -> None:
    done = check("production", **complete(), **{name: value})
    assert done.returncode != 0
    assert identifier in done.stderr


def test_the_embedded_database_is_refused_in_production() -> None:
    given = complete()
    del given["DATABASE_URL"]
    done = check("production", **given)
    assert done.returncode != 0
    assert "DATABASE_URL" in done.stderr


def test_a_secret_in_a_file_ends_before_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("the-value\n")
    code = "from raiox.settings.environment import env; print(repr(env.str('PROBE')))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env={"PROBE_FILE": str(path), "RAIOX_ENV": "test"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "'the-value'"


def test_an_unknown_mode_is_refused() -> None:
    done = check("prod")
    assert done.returncode != 0
    assert "RAIOX_ENV is 'prod'" in done.stderr


def test_a_local_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = local_secret(tmp_path / "secrets", "key")
    assert len(first) > 40
    assert local_secret(tmp_path / "secrets", "key") == first
    assert local_secret(tmp_path / "secrets", "other") != first
    assert (tmp_path / "secrets" / "key").stat().st_mode & 0o077 == 0
