"""Settings, tables, accounts and processes."""

from typing import Any

import pytest
from django.core.cache import cache
from django.core.checks.async_checks import check_async_unsafe
from django.core.checks.registry import registry
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django_otp.plugins.otp_totp.models import TOTPDevice

from raiox.golive import installation
from raiox.golive.line import Plan, Status
from tests.backups.conftest import encrypted as encrypted
from tests.people import person
from tests.stack import free_port

PLAN = Plan(url="http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("env", "debug", "status"),
    [
        ("production", False, Status.OK),
        ("stage", False, Status.FAIL),
        ("production", True, Status.FAIL),
    ],
)
def test_mode(settings: Any, env: str, debug: bool, status: Status) -> None:
    settings.RAIOX_ENV, settings.DEBUG = env, debug
    assert installation.mode(PLAN).status == status


@pytest.fixture
def deployed(settings: Any, monkeypatch: pytest.MonkeyPatch, encrypted: str) -> None:
    """Settings as they are behind TLS."""
    # Browser tests allow blocking calls in this process; no server is started so.
    there = registry.deployment_checks - {check_async_unsafe}
    monkeypatch.setattr(registry, "deployment_checks", there)
    settings.RAIOX_ENV = "production"
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = True
    settings.CSRF_COOKIE_SECURE = settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_HSTS_SECONDS = 3600
    settings.SECURE_HSTS_PRELOAD = False
    settings.SECRET_KEY = "many different letters: " + "".join(map(chr, range(48, 122)))
    spaces = ("DO_SPACES_BUCKET", "DO_SPACES_KEY", "DO_SPACES_SECRET")
    for name in ("JOTFORM_API_KEY", *spaces, "BACKUP_KEY", "BACKUP_SECRET"):
        setattr(settings, name, "something")
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")


@pytest.mark.django_db
def test_system_checks(deployed: None) -> None:
    line = installation.system_checks(PLAN)
    assert line.status == Status.OK, line


@pytest.mark.django_db
def test_system_checks_that_warn(settings: Any, deployed: None) -> None:
    settings.SECURE_SSL_REDIRECT = False
    line = installation.system_checks(PLAN)
    assert (line.status, line.seen) == (Status.WARN, "1: security.W008")


@pytest.mark.django_db
def test_system_checks_that_fail(settings: Any, deployed: None) -> None:
    settings.JOTFORM_API_KEY = ""
    line = installation.system_checks(PLAN)
    assert (line.status, line.seen) == (Status.FAIL, "1: raiox.E001")


@pytest.mark.django_db
def test_migrations() -> None:
    assert installation.migrations(PLAN).status == Status.OK
    last = MigrationRecorder.Migration.objects.filter(app="cases").order_by("name").last()
    assert last is not None
    last.delete()
    line = installation.migrations(PLAN)
    assert (line.status, line.seen) == (Status.FAIL, f"1 missing: cases.{last.name}")


@pytest.mark.django_db
def test_second_factor(settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = "superusers"
    person("brenda", "Revisores")
    assert installation.second_factor(PLAN).status == Status.WARN
    root = person("root", is_superuser=True)
    line = installation.second_factor(PLAN)
    assert (line.status, line.seen) == (Status.FAIL, "superusers without one: root")
    TOTPDevice.objects.create(user=root, confirmed=True)
    assert installation.second_factor(PLAN).status == Status.OK
    settings.REQUIRE_SECOND_FACTOR = "off"
    assert installation.second_factor(PLAN).status == Status.FAIL


@pytest.mark.django_db
def test_workers() -> None:
    assert installation.workers(PLAN).status == Status.FAIL
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert installation.workers(PLAN).status == Status.OK


def use_redis(settings: Any, url: str) -> None:
    settings.REDIS_URL = url
    settings.CACHES = {**settings.CACHES, "default": settings.REDIS_CACHE | {"LOCATION": url}}


def test_redis_that_answers(settings: Any, redis_url: str) -> None:
    use_redis(settings, redis_url)
    assert installation.redis(PLAN).status == Status.OK
    client: Any = cache
    client.client.get_client().close()


def test_redis_that_does_not_answer(settings: Any) -> None:
    use_redis(settings, f"redis://127.0.0.1:{free_port()}/0")
    line = installation.redis(PLAN)
    assert (line.status, "it does not answer" in line.seen) == (Status.FAIL, True)


def test_redis_where_it_is_needed(settings: Any) -> None:
    settings.WEB_PROCESSES = 1
    assert installation.redis(PLAN).status == Status.OK
    settings.WEB_PROCESSES = 2
    assert installation.redis(PLAN).status == Status.FAIL
