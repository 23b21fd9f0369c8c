"""The Django database backend: Django's own, with the embedded server behind it."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import base, client

from raiox.embedded_postgres.configured import configured_cluster
from raiox.embedded_postgres.places import tool


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
