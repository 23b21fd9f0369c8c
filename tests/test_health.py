"""What monitors are told."""

import datetime
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django import app

from implants.encoders import active
from implants.encoders.bundle import BUNDLED, load_bundle, version_of
from implants.models import Encoder, ReferenceImage
from raiox import health as checks
from tests.factories import (
    ImplantFactory,
    ReferenceImageFactory,
    reference_with_vector,
    unit_vector,
)


@pytest.fixture(autouse=True)
def _fresh(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Nothing remembered from another test, and files where they can be written."""
    use_folder(settings, tmp_path / "media")
    active.forget()
    yield
    active.forget()


def use_folder(settings: Any, folder: Path) -> None:
    local = {**settings.STORAGES["default"], "OPTIONS": {"location": folder}}
    settings.STORAGES = {**settings.STORAGES, "default": local}
    cache.clear()


@pytest.fixture
def encoder(db: None) -> Encoder:
    name = load_bundle(BUNDLED).name
    version = version_of(load_bundle(BUNDLED))
    return Encoder.objects.create(name=name, path=str(BUNDLED), version=version, is_active=True)


@pytest.fixture
def reference(encoder: Encoder) -> ReferenceImage:
    """A reference that the encoder has seen."""
    return reference_with_vector(unit_vector(1), encoder, ImplantFactory.create(is_demo=True))


def health(client: Client) -> tuple[int, dict[str, Any]]:
    """Status and body, but for how long each check took."""
    answer = client.get("/health")
    body = answer.json()
    for found in body["checks"].values():
        found.pop("ms", None)
    return answer.status_code, body


def defer(**schedule: Any) -> None:
    task = app.configure_task("cases.analyze_case", **schedule)
    task.defer(case_id=1)


# Without `django_db`, a look at the database fails the test.
@pytest.mark.parametrize("session", ["", "a-session-of-somebody-who-looks-by-browser"])
def test_ping_asks_nobody(client: Client, session: str) -> None:
    if session:
        client.cookies[django_settings.SESSION_COOKIE_NAME] = session
    answer = client.get("/ping")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_healthcheck_names_version_and_commit(client: Client, settings: Any) -> None:
    settings.RAIOX_COMMIT = "0" * 40
    answer = client.get("/healthcheck")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "version": django_settings.RAIOX_VERSION,
        "commit": "0" * 40,
    }


def test_correlation_id_goes_in_and_out(client: Client) -> None:
    assert client.get("/ping", HTTP_X_CORRELATION_ID="abc-1")["X-Correlation-ID"] == "abc-1"


@pytest.mark.django_db
def test_health_finds_every_part_at_work(
    client: Client, encoder: Encoder, reference: ReferenceImage, tmp_path: Path
) -> None:
    ReferenceImageFactory.create()
    status, answer = health(client)
    assert (status, answer["status"]) == (200, "ok")
    assert answer["checks"] == {
        "database": {"status": "ok"},
        "migrations": {"status": "ok", "pending": 0},
        "encoder": {"status": "ok", "name": encoder.name},
        "catalogue": {
            "status": "ok", "implants": 2, "demo_implants": 1, "references": 2, "searchable": 1,
        },
        "queue": {"status": "ok", "waiting": 0, "oldest_seconds": 0},
        "storage": {"status": "ok"},
    }  # fmt: skip
    assert not list((tmp_path / "media" / "health").iterdir())


@pytest.mark.django_db
def test_health_says_how_long_each_part_took(
    client: Client, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow() -> dict[str, Any]:
        time.sleep(0.05)
        raise RuntimeError

    monkeypatch.setitem(checks._CHECKS, "queue", slow)
    found = client.get("/health").json()["checks"]
    assert {name: type(part["ms"]) for name, part in found.items()} == dict.fromkeys(found, float)
    assert 50 <= found["queue"]["ms"] < 5000


@pytest.mark.django_db
def test_health_warns_when_nothing_can_be_found(client: Client, encoder: Encoder) -> None:
    ReferenceImageFactory.create()
    status, answer = health(client)
    assert (status, answer["status"]) == (200, "warning")
    assert answer["checks"]["catalogue"]["status"] == "warning"


@pytest.mark.django_db
def test_health_fails_without_an_encoder(client: Client) -> None:
    status, answer = health(client)
    assert (status, answer["status"]) == (503, "failed")
    assert answer["checks"]["encoder"] == {"status": "failed"}


@pytest.mark.django_db
def test_health_fails_when_the_encoder_cannot_answer(
    client: Client, reference: ReferenceImage, tmp_path: Path
) -> None:
    (tmp_path / "encoder.json").write_text((BUNDLED / "encoder.json").read_text())
    (tmp_path / "encoder.onnx").write_bytes(b"not a graph")
    Encoder.objects.update(path=str(tmp_path))
    status, answer = health(client)
    assert (status, answer["checks"]["encoder"]) == (503, {"status": "failed"})
    assert answer["checks"]["catalogue"]["status"] == "ok"


@pytest.mark.django_db
def test_health_counts_the_jobs_that_are_due(client: Client, reference: ReferenceImage) -> None:
    defer()
    defer(schedule_at=timezone.now() + datetime.timedelta(hours=1))
    defer(schedule_at=timezone.now() - datetime.timedelta(seconds=90))
    status, answer = health(client)
    queue = answer["checks"]["queue"]
    assert (status, queue["status"], queue["waiting"]) == (200, "ok", 2)
    assert 90 <= queue["oldest_seconds"] < 120


@pytest.mark.django_db
def test_health_warns_when_nobody_takes_jobs(client: Client, reference: ReferenceImage) -> None:
    defer()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = at - interval '10 minutes'")
    status, answer = health(client)
    assert (status, answer["status"]) == (200, "warning")
    assert answer["checks"]["queue"]["status"] == "warning"
    assert 600 <= answer["checks"]["queue"]["oldest_seconds"] < 630


@pytest.mark.django_db
def test_health_fails_while_a_migration_is_missing(
    client: Client, reference: ReferenceImage
) -> None:
    last = MigrationRecorder.Migration.objects.filter(app="cases").order_by("name").last()
    assert last is not None
    last.delete()
    status, answer = health(client)
    assert (status, answer["checks"]["migrations"]) == (503, {"status": "failed", "pending": 1})


@pytest.mark.django_db
def test_health_fails_when_files_cannot_be_written(
    client: Client, reference: ReferenceImage, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    use_folder(settings, tmp_path / "file")
    status, answer = health(client)
    assert (status, answer["checks"]["storage"]) == (503, {"status": "failed"})
    assert str(tmp_path) not in str(answer)


@pytest.mark.django_db(transaction=True)
def test_health_fails_when_the_database_is_gone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = {**connection.get_connection_params(), "host": "127.0.0.1", "port": "1"}
    connection.close()
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "get_connection_params", lambda: nowhere)
        status, answer = health(client)
        assert client.get("/ping").status_code == 200
        connection.close()
    assert (status, answer["status"]) == (503, "failed")
    found = {name: check["status"] for name, check in answer["checks"].items()}
    assert found.pop("database") == "failed"
    assert found.pop("storage") == "ok"
    assert set(found.values()) == {"unknown"}
