"""What `prepare` sees to before web and worker start, in each mode."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from implants.models import Encoder

pytestmark = pytest.mark.django_db


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were called; these have tests of their own, only groups are made."""
    names: list[str] = []

    def call(name: str, *args: Any, **options: Any) -> None:
        names.append(" ".join([name, *args]))
        if name == "ensure_groups":
            call_command(name, *args, **options)

    monkeypatch.setattr("raiox.management.commands.prepare.call_command", call)
    return names


def test_local_mode_gets_demo_people_and_catalogue(
    settings: Any, tmp_path: Path, called: list[str]
) -> None:
    settings.RAIOX_ENV, settings.VAR_DIR = "local", tmp_path
    call_command("prepare")
    assert called == [
        "migrate",
        "ensure_groups",
        "activate_encoder --bundled --if-none",
        "seed_demo",
    ]
    assert set(User.objects.values_list("username", flat=True)) >= {"brenda", "curadora", "admin"}


def test_server_gets_no_demo_and_needs_a_chosen_encoder(settings: Any, called: list[str]) -> None:
    settings.RAIOX_ENV, settings.IS_DEVELOPMENT = "production", False
    with pytest.raises(CommandError, match="No encoder is active"):
        call_command("prepare")
    Encoder.objects.create(name="chosen", path="somewhere", is_active=True)
    called.clear()
    call_command("prepare")
    assert called == ["migrate", "ensure_groups", "check_environment --claim", "collectstatic"]
    assert not User.objects.filter(username="brenda").exists()
