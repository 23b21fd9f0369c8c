"""A real streaming replica of the tests' own database server."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from raiox.embedded_postgres.cluster import Cluster, Server
from raiox.embedded_postgres.places import Places, tool
from tests.sandbox.process import wait_for


class Standby:
    """A copy by `pg_basebackup` that follows; it can be stopped, started, paused and resumed."""

    def __init__(self, primary: Cluster, folder: Path) -> None:
        self.primary = primary
        self._cluster = Cluster(folder, durable=False)
        # The same user: nobody else may enter the folder of the primary's socket.
        home = self._cluster.places.home
        self._cluster.places = Places(home, primary.places.owner)

    def make(self) -> None:
        """Copy the primary as it is, and start."""
        server, places = self.primary.ensure_running(), self._cluster.places
        places.make()
        subprocess.run(
            [
                str(tool("pg_basebackup")),
                *("--host", str(server.socket_folder), "--port", str(server.connection["port"])),
                *("--username", server.connection["user"], "--pgdata", str(places.data)),
                *("--checkpoint", "fast", "--no-sync", "--write-recovery-conf"),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        for path in (places.data, *places.data.rglob("*")):
            os.chown(path, places.owner, -1, follow_symlinks=False)
        self.start()

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.stop()
        for made in (self._cluster.places.home, self._cluster.places.socket_folder):
            shutil.rmtree(made, ignore_errors=True)

    @property
    def place(self) -> dict[str, Any]:
        """Host, port and user, the same after each start."""
        return Server(0, self._cluster.places.socket_folder).connection

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        self._cluster.ensure_running()

    def stop(self) -> None:
        """As for maintenance."""
        self._cluster.stop()

    def pause(self) -> None:
        """It goes on receiving the log, and replays none of it."""
        self.sql("SELECT pg_wal_replay_pause()")
        wait_for(lambda: self.sql("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])

    def resume(self) -> None:
        """Replay what came meanwhile."""
        self.sql("SELECT pg_wal_replay_resume()")

    def sql(self, query: str, *arguments: Any, database: str = "postgres") -> list[Any]:
        """The rows of a query, on a connection of its own."""
        with psycopg.connect(**self.place, dbname=database, autocommit=True) as server:
            return list(server.execute(query, arguments).fetchall())
