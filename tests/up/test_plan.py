"""What runs in which mode, and what the children are told."""

import stat
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from raiox.up.plan import Plan

SANDBOX = "http://127.0.0.1:9001"


@pytest.fixture(autouse=True)
def fresh_installation(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    settings.VAR_DIR = tmp_path
    settings.RAIOX_ENV = "local"
    settings.JOTFORM_API_KEY = ""
    settings.WEBHOOK_TOKENS = ["a-token"]


@pytest.fixture
def plan() -> Plan:
    return Plan("127.0.0.1", 9000)


def test_local_product_talks_to_the_sandbox_with_the_key_both_know(
    plan: Plan, tmp_path: Path
) -> None:
    key_file = tmp_path / "sandbox" / "api-key"
    told = {
        "PUBLIC_URL": "http://127.0.0.1:9000",
        "JOTFORM_API_URL": SANDBOX,
        "DOWNLOAD_EXTRA_ORIGINS": SANDBOX,
        "JOTFORM_API_KEY_FILE": str(key_file),
    }
    counts = {"PROMETHEUS_MULTIPROC_DIR": str(django_settings.METRICS_DIR)}
    for program in (plan.web(), plan.worker()):
        assert program.environment == told | counts
    for program in (plan.prepare(), plan.demo_cases()):
        assert program.environment == told | {"LOG_LEVEL": "WARNING"}
    assert str(key_file) in plan.sandbox().command
    assert len(key_file.read_text()) > 30
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_early_web_is_web_and_waits(plan: Plan) -> None:
    web, early = plan.web(), plan.early_web(7)
    python, *arguments = web.command
    assert early.command == [python, "-m", "raiox.up.early", "7", *arguments[1:]]
    assert early.descriptors == (7,)
    assert (early.environment, early.log) == (web.environment, web.log)


def test_worker_gives_way_to_web(plan: Plan) -> None:
    nice, option, niceness, *command = plan.worker().command
    assert (nice, option) == ("nice", "-n")
    assert int(niceness) > 0
    assert command[1:4] == [str(django_settings.BASE_DIR / "manage.py"), "procrastinate", "worker"]
    assert "nice" not in plan.web().command


def test_sandbox_sends_webhooks_with_the_token(plan: Plan) -> None:
    command = plan.sandbox().command
    assert "http://127.0.0.1:9000/webhook/a-token" in command
    assert command[command.index("--port") + 1] == "9001"


def test_own_jotform_key_leaves_the_sandbox_out(plan: Plan, settings: Any) -> None:
    settings.JOTFORM_API_KEY = "configured"
    assert not plan.has_sandbox
    assert plan.ports == [9000]
    assert "JOTFORM_API_KEY_FILE" not in plan.web().environment
    assert plan.prepare().environment["PUBLIC_URL"] == "http://127.0.0.1:9000"


@pytest.mark.parametrize("mode", ["stage", "production"])
def test_servers_have_no_sandbox_and_log_to_their_output(
    plan: Plan, settings: Any, mode: str
) -> None:
    settings.RAIOX_ENV = mode
    assert not plan.has_sandbox
    assert plan.web().log is plan.worker().log is None


def test_configured_public_url_is_kept(
    plan: Plan, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://raiox.example")
    settings.PUBLIC_URL = "https://raiox.example"
    assert plan.web().environment["PUBLIC_URL"] == "https://raiox.example"
    assert plan.url == "http://127.0.0.1:9000"


def test_local_web_listens_on_loopback_only(plan: Plan) -> None:
    command = plan.web().command
    assert command[command.index("--bind") + 1] == "127.0.0.1:9000"
