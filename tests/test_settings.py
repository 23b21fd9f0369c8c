"""Settings by mode: what is missing or unsafe explains itself before anything starts."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyrage.x25519 import Identity

from raiox.checks import check_addresses
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
    return run("manage.py", "check", mode=mode, **environment)


def serve(mode: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Load the WSGI application as a server does, which asks no system check."""
    return run("-c", "import raiox.wsgi", mode=mode, **environment)


def run(*arguments: str, mode: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
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
        "BACKUP_KEY": secrets.token_urlsafe(20),
        "BACKUP_SECRET": secrets.token_urlsafe(40),
        "BACKUP_ENCRYPTION_KEY": str(Identity.generate()),
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


def test_a_production_with_tls_is_fit_for_the_internet() -> None:
    done = run("manage.py", "check", "--deploy", mode="production", **complete(), RAIOX_TLS="on")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues (1 silenced)" in done.stdout, "the lists for preloading, and nothing else"


def test_a_production_without_tls_says_what_it_lacks() -> None:
    done = run("manage.py", "check", "--deploy", mode="production", **complete())
    said = re.findall(r"^[^ ]+ \(([a-z_.A-Z0-9]+)\)", done.stderr, re.MULTILINE)
    assert said == ["security.W004", "security.W008", "security.W012", "security.W016"]


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


def databases(**environment: str) -> dict[str, Any]:
    """`DATABASES` of a complete production."""
    code = "import json; from raiox import settings; print(json.dumps(settings.DATABASES))"
    done = run("-c", code, mode="production", **complete(), **environment)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_there_is_no_replica_and_no_pool_by_default() -> None:
    (found,) = databases().values()
    assert found["CONN_MAX_AGE"] == 60
    assert "pool" not in found.get("OPTIONS", {})


def test_a_replica_that_does_not_answer_is_not_waited_for() -> None:
    url = "postgresql://reader@replica.example:5433/raiox?sslmode=verify-full&connect_timeout=1"
    found = databases(DATABASE_REPLICA_URL=url, DATABASE_POOL="4")["replica"]
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("replica.example", 5433, "raiox")
    options = {"sslmode": "verify-full", "connect_timeout": 1, "tcp_user_timeout": 3000}
    assert found["OPTIONS"] == options
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (60, True)


def test_threads_share_connections_where_that_is_wanted() -> None:
    found = databases(DATABASE_POOL="4")["default"]
    assert found["OPTIONS"]["pool"] == {"min_size": 1, "max_size": 4, "timeout": 10}
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (0, True)


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


def test_a_complete_production_is_served() -> None:
    done = serve("production", **complete())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mode", ["stage", "production"])
def test_a_server_without_its_secrets_does_not_start(mode: str) -> None:
    given = complete()
    for name in ("WEBHOOK_TOKENS", "DO_SPACES_BUCKET", "JOTFORM_API_KEY"):
        del given[name]
    done = serve(mode, **given, DOWNLOAD_EXTRA_ORIGINS="http://127.0.0.1:8001")
    assert done.returncode != 0
    for name in ("WEBHOOK_TOKENS", "DO_SPACES_BUCKET", "JOTFORM_API_KEY"):
        assert f"{name} is not set." in done.stderr
    assert "DOWNLOAD_EXTRA_ORIGINS is set." in done.stderr
    assert "HINT: It is for the sandbox in local and test mode: unset it." in done.stderr


def test_a_server_without_its_key_names_all_that_is_missing() -> None:
    given = {"DATABASE_URL": complete()["DATABASE_URL"], "WEB_PROCESSES": "3"}
    done = serve("production", **given, JOTFORM_API_URL="api.jotform.com")
    assert done.returncode != 0
    assert "raiox.E003" in done.stderr
    assert "raiox.E004" in done.stderr
    for name in REQUIRED:
        assert f"{name} is not set." in done.stderr


@pytest.mark.parametrize("mode", ["test", "production"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOTFORM_API_URL", "api.jotform.com"),
        ("JOTFORM_API_URL", "http://api.jotform.com"),
        ("JOTFORM_API_URL", "https://api.jotform.com:8443"),
        ("JOTFORM_FILE_HOSTS", "https://jotform.com"),
        ("JOTFORM_FILE_HOSTS", "*.jotform.com"),
        ("DOWNLOAD_EXTRA_ORIGINS", "http://127.0.0.1:8001/uploads"),
        ("FILES_X_ACCEL", "_films/"),
        ("FILES_X_ACCEL", "/_films"),
        ("TRUSTED_PROXIES", "nginx"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("METRICS_NETWORKS", "10.0.0.1/8"),
    ],
)
def test_a_malformed_address_is_named(mode: str, name: str, value: str, settings: Any) -> None:
    settings.RAIOX_ENV = mode
    setattr(settings, name, [value] if isinstance(getattr(settings, name), list) else value)
    (error,) = check_addresses()
    assert (error.id, error.msg.partition(":")[0]) == ("raiox.E004", f"{name} is malformed")
    assert error.hint


def test_a_malformed_address_stops_every_command() -> None:
    done = check("production", **complete(), JOTFORM_API_URL="api.jotform.com")
    assert done.returncode != 0
    assert "JOTFORM_API_URL is malformed" in done.stderr
    assert "https://api.jotform.com" in done.stderr


def test_the_addresses_of_the_sandbox_are_well_formed(settings: Any) -> None:
    settings.JOTFORM_API_URL = "http://127.0.0.1:8001"
    settings.DOWNLOAD_EXTRA_ORIGINS = ["http://127.0.0.1:8001"]
    assert check_addresses() == []


def test_each_check_has_an_id_of_its_own() -> None:
    apps = ("raiox", "implants", "webhooks", "cases")
    sources = [path for app in apps for path in (PROJECT_DIR / app).rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    ids = re.findall(r'id="(raiox\.[EW]\d+)"', text)
    assert len(ids) > 12
    assert sorted(ids) == sorted(set(ids))
