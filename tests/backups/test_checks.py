"""Settings with which backups would not help are told before they are needed."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from raiox.backups import checks
from tests.test_settings import run


def test_in_production_what_is_missing_is_told(settings: Any) -> None:
    settings.RAIOX_ENV = "production"
    settings.BACKUP_KEY = settings.BACKUP_SECRET = settings.BACKUP_ENCRYPTION_KEY = ""
    assert [found.id for found in checks.check_backups()] == ["raiox.W002"]
    settings.BACKUP_KEY = settings.BACKUP_SECRET = uuid4().hex
    assert [found.id for found in checks.check_backups()] == ["raiox.W003"]
    settings.BACKUP_ENDPOINT = settings.DO_SPACES_ENDPOINT
    assert [found.id for found in checks.check_backups()] == ["raiox.W003", "raiox.W004"]
    settings.RAIOX_ENV = "local"
    assert checks.check_backups() == []


def test_copies_of_films_use_the_keys_of_the_databases_bucket() -> None:
    """A server gives every secret a file; it is empty where there is none."""
    key = uuid4().hex
    done = run(
        "-c",
        "from raiox.settings import OBJECTS_BACKUP_KEY as key; print(key)",
        mode="test",
        BACKUP_KEY=key,
        OBJECTS_BACKUP_KEY="",
    )
    assert done.stdout.strip() == key, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "check", "found"),
    [
        ("BACKUP_DAYS", 0, checks.check_times, "raiox.E011"),
        ("DELETED_OBJECTS_DAYS", -1, checks.check_times, "raiox.E011"),
        ("BACKUP_ENCRYPTION_KEY", "a word", checks.check_encryption_key, "raiox.E012"),
    ],
)
def test_what_can_not_be_used_is_refused(
    settings: Any, name: str, value: Any, check: Callable[[], list[Any]], found: str
) -> None:
    assert check() == []
    setattr(settings, name, value)
    [error] = check()
    assert error.id == found
    assert name in error.msg
    assert "a word" not in error.msg
