"""Stage refuses production's database and bucket, and the other way around."""

import io
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from raiox.backups.storage import Bucket
from raiox.installation import MARK
from raiox.installation_checks import check_database_is_ours
from raiox.models import Installation
from tests.backups.conftest import bucket as bucket
from tests.stack import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _stage(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage with a database server and a bucket, which here is a folder."""
    settings.RAIOX_ENV = "stage"
    settings.DO_SPACES_BUCKET = "raiox-stage"
    # Connections of later tests are made by the same dictionary.
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": local | {"OPTIONS": {"location": tmp_path}},
    }


@pytest.fixture(autouse=True)
def _connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check gives its connection back, which here holds the test's transaction."""
    monkeypatch.setattr(connection, "close", lambda: None)


def check(*options: str) -> str:
    out = io.StringIO()
    call_command("check_environment", *options, stdout=out)
    return out.getvalue()


def refusal(*options: str) -> str:
    with pytest.raises(CommandError) as refused:
        check(*options)
    return str(refused.value)


def owner() -> str:
    with default_storage.open(MARK) as file:
        return str(file.read().decode())


def test_what_is_nobodys_is_claimed_once(settings: Any) -> None:
    assert "nobody's yet" in check()
    assert "ours" in check("--claim")
    assert "ours" in check("--claim")
    assert (Installation.objects.get().environment, owner()) == ("stage", "stage")
    assert check_database_is_ours() == []


def test_the_database_of_another_environment_is_refused(settings: Any) -> None:
    Installation.objects.create(id=1, environment="production", bucket="raiox-stage")
    assert "database belongs to production, and this is stage" in refusal()
    assert "database belongs to production" in refusal("--claim")
    assert Installation.objects.get().environment == "production"
    assert not default_storage.exists(MARK), "nothing is claimed when one of both is not ours"
    (error,) = check_database_is_ours()
    assert error.id == "raiox.E013"


def test_the_bucket_of_another_environment_is_refused(settings: Any) -> None:
    default_storage.save(MARK, ContentFile(b"production\n"))
    for options in ((), ("--claim",)):
        assert "bucket raiox-stage belongs to production" in refusal(*options)
    assert not Installation.objects.exists()


def test_a_changed_bucket_is_noticed_without_asking_it(settings: Any) -> None:
    check("--claim")
    settings.DO_SPACES_BUCKET = "raiox-production"
    (error,) = check_database_is_ours()
    assert "bucket raiox-stage, and DO_SPACES_BUCKET is raiox-production" in error.msg
    assert "--claim" in str(error.hint)


def test_films_may_move_to_a_new_bucket(settings: Any) -> None:
    check("--claim")
    default_storage.delete(MARK)
    settings.DO_SPACES_BUCKET = "raiox-stage-2"
    assert "ours" in check("--claim")
    assert (Installation.objects.get().bucket, owner()) == ("raiox-stage-2", "stage")


def test_the_embedded_database_is_nobodys(settings: Any) -> None:
    Installation.objects.create(id=1, environment="production")
    settings.DATABASES["default"]["ENGINE"] = "raiox.embedded_postgres"
    assert check_database_is_ours() == []


@pytest.mark.parametrize("prefix", ["BACKUP", "OBJECTS_BACKUP"])
def test_the_bucket_for_backups_of_another_environment_is_refused(
    settings: Any, bucket: Bucket, prefix: str
) -> None:
    """That of the database's, and that of films' copies where it is another one."""
    bucket.put(MARK, b"production\n")
    if prefix == "OBJECTS_BACKUP":
        for name in ("BUCKET", "REGION", "ENDPOINT", "KEY", "SECRET"):
            setattr(settings, f"OBJECTS_BACKUP_{name}", getattr(settings, f"BACKUP_{name}"))
        settings.BACKUP_KEY = ""
    for options in ((), ("--claim",)):
        said = refusal(*options)
        assert f"bucket for backups {bucket.name} belongs to production, and this is stage" in said
        assert f"Set {prefix}_BUCKET to a bucket of its own" in said
    assert not Installation.objects.exists()
    assert not default_storage.exists(MARK)


def test_the_bucket_for_backups_is_claimed_too(settings: Any, bucket: Bucket) -> None:
    check()
    assert not list(bucket.list(MARK)), "looking writes nothing"
    check("--claim")
    assert bucket.read(MARK) == b"stage"
    assert "ours" in check()
    settings.RAIOX_ENV = "production"
    Installation.objects.all().delete()
    default_storage.delete(MARK)
    assert f"{bucket.name} belongs to stage, and this is production" in refusal()


def test_a_bucket_for_backups_that_does_not_answer_stops_no_release(
    settings: Any, bucket: Bucket
) -> None:
    settings.BACKUP_BUCKET = "never-made"
    assert "ours" in check("--claim")
    settings.BACKUP_ENDPOINT = f"http://127.0.0.1:{free_port()}"
    assert "ours" in check("--claim")
