"""The Django database backend: Django's own, with the embedded server behind it."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base, client

from raiox.embedded_postgres.checks import HINT, is_refused
from raiox.embedded_postgres.cluster import Cluster
from raiox.embedded_postgres.places import tool


def configured_cluster() -> Cluster:
    """The cluster of these settings: `EMBEDDED_POSTGRES_DIR`, or a folder of its own in `var`.

    Tests have their own, so that they can be quick and never see a developer's data.
    """
    if is_refused():
        raise ImproperlyConfigured(f"The embedded PostgreSQL is for local and test mode. {HINT}")
    is_test = settings.RAIOX_ENV == "test"
    folder = settings.VAR_DIR / ("postgres-test" if is_test else "postgres")
    chosen = settings.EMBEDDED_POSTGRES_DIR
    return _cluster(settings.BASE_DIR / chosen if chosen else folder, not is_test)


@lru_cache
def _cluster(folder: Path, durable: bool) -> Cluster:
    return Cluster(folder, durable=durable)


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell`, with the bundled psql."""

    def runshell(self, parameters: Iterable[str]) -> None:
        """Open psql on the embedded server."""
        params = self.connection.get_connection_params()
        place = {"HOST": params["host"], "PORT": params["port"], "USER": params["user"]}
        self.connection.settings_dict.update(place)
        super().runshell(parameters)


DatabaseClient.executable_name = str(tool("psql"))


class DatabaseWrapper(base.DatabaseWrapper):
    """Starts the server when somebody wants to connect, procrastinate's worker included."""

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Where the server is; it runs, and the database exists, when this returns."""
        cluster = configured_cluster()
        server = cluster.ensure_running()
        if self.settings_dict["NAME"]:
            cluster.ensure_database(self.settings_dict["NAME"])
        return super().get_connection_params() | server.connection
