"""Django and procrastinate reach the embedded server; stage and production refuse it."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from procrastinate.contrib.django.utils import connector_params

from raiox.embedded_postgres import checks
from raiox.embedded_postgres.configured import configured_cluster

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql" or "embedded" not in connection.settings_dict["ENGINE"],
    reason="DATABASE_URL points to another server",
)


@pytest.mark.django_db
def test_connection_reaches_the_tests_own_cluster() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        (folder,) = cursor.fetchone()
        cursor.execute("SHOW fsync")
        assert cursor.fetchone() == ("off",)
    assert folder == str(configured_cluster().places.data)
    assert "postgres-test" in folder


@pytest.mark.django_db
def test_procrastinate_is_given_the_same_server() -> None:
    params = connector_params()
    assert params["host"] == connection.get_connection_params()["host"]
    assert params["dbname"] == connection.settings_dict["NAME"]


@pytest.mark.django_db
def test_dbshell_opens_the_bundled_psql(capfd: pytest.CaptureFixture[str]) -> None:
    connection.client.runshell(["-Atc", "SELECT current_database()"])
    assert capfd.readouterr().out.strip() == connection.settings_dict["NAME"]


@pytest.mark.parametrize("mode", ["stage", "production"])
def test_embedded_server_is_refused_where_it_counts(settings: Any, mode: str) -> None:
    settings.RAIOX_ENV = mode
    [error] = checks.check_database_is_a_server()
    assert error.id == "raiox.E010"
    assert "DATABASE_URL" in str(error.hint)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        connection.get_connection_params()


def test_embedded_server_is_welcome_in_local_mode(settings: Any) -> None:
    settings.RAIOX_ENV = "local"
    assert checks.check_database_is_a_server() == []


def test_database_server_passes_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    server = {"default": {"ENGINE": "django.db.backends.postgresql"}}
    deployed = SimpleNamespace(RAIOX_ENV="production", DATABASES=server)
    monkeypatch.setattr(checks, "settings", deployed)
    assert checks.check_database_is_a_server() == []
