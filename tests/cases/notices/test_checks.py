"""Settings that can't work say so at the start, and mail is read from one address."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cases.notices import checks
from raiox.settings.environment import PROJECT_DIR

SHOW = """
from django.conf import settings as s
print(s.EMAIL_IS_CONFIGURED, s.EMAIL_HOST, s.EMAIL_PORT, s.EMAIL_USE_TLS, s.EMAIL_TIMEOUT)
"""


def read(**environment: str) -> str:
    """What a fresh process makes of these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept |= {"RAIOX_ENV": "test", "DJANGO_SETTINGS_MODULE": "raiox.settings"}
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(
        command, cwd=PROJECT_DIR, env={**kept, **environment}, capture_output=True, text=True
    )
    return done.stdout.strip() or done.stderr


def test_mail_is_off_without_an_address() -> None:
    assert read().startswith("False")


def test_mail_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "email-url"
    path.write_text(f"smtp+tls://ana:{secrets.token_hex(8)}@mail.example:587\n")
    assert read(EMAIL_URL_FILE=str(path)) == "True mail.example 587 True 20"


@pytest.mark.parametrize(
    ("name", "value"),
    [("SUMMARY_TIME", "half past"), ("DIGEST_TIMES", ["08:00", "25:00"]), ("DIGEST_TIMES", [])],
)
def test_hours_that_are_none(name: str, value: Any, settings: Any) -> None:
    assert checks.check_hours() == []
    setattr(settings, name, value)
    assert [found.msg for found in checks.check_hours()] == [f"{name} is malformed."]


def test_a_sender_that_does_not_exist(settings: Any) -> None:
    assert checks.check_sender() == []
    settings.EMAIL_IS_CONFIGURED = True
    assert [found.id for found in checks.check_sender()] == ["raiox.W001"]
    settings.DEFAULT_FROM_EMAIL = "Raiox AI <raiox@clinic.example>"
    assert checks.check_sender() == []


@pytest.mark.parametrize(
    ("token", "chat", "url", "is_right"),
    [
        ("", "", "https://api.telegram.org", True),
        ("x", "77", "https://api.telegram.org", True),
        ("x", "", "https://api.telegram.org", False),
        ("", "77", "https://api.telegram.org", False),
        ("x", "77", "no address", False),
    ],
)
def test_telegram_in_part(token: str, chat: str, url: str, is_right: bool, settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = token, chat
    settings.TELEGRAM_API_URL = url
    assert (checks.check_chat() == []) == is_right
