"""One run of `manage.py up`: start in order, look after everything, stop in order."""

import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import OperationalError

from raiox import metric_files
from raiox.up.child import Child
from raiox.up.demo_users import PEOPLE, passwords
from raiox.up.gate import Gate
from raiox.up.plan import Plan
from raiox.up.supervisor import StartFailed, StopRequested, Supervisor

if TYPE_CHECKING:
    from raiox.embedded_postgres.cluster import Cluster

_READY_SECONDS = 60
_DATABASE_RETRY_SECONDS = 5


class Session:
    """Starts what the plan holds, and `database` where it is the embedded one.

    `say` prints a line for the person at the terminal.
    """

    def __init__(self, plan: Plan, database: "Cluster | None", say: Callable[[str], None]) -> None:
        self._plan = plan
        self._database = database
        self._say = say
        self._database_retry_at = 0.0
        self._supervisor = Supervisor(plan.var, say, self._look_after_database)

    def run(self) -> None:
        """Serve until somebody asks to stop; nothing runs any more when this returns."""
        with self._supervisor.listening(), Gate() as gate:
            try:
                self._start(gate)
                self._supervisor.watch()
            except StopRequested:
                self._say("\nStopping (Ctrl-C again to insist) ...")
            finally:
                self._supervisor.stop()
                if self._database:
                    self._database.stop()
        self._say("Stopped.")

    def _start(self, gate: Gate) -> None:
        self._say(f"Raiox AI is starting ({settings.RAIOX_ENV} mode) ...")
        if self._database:
            self._database.ensure_running()
        if self._plan.has_sandbox:
            sandbox = self._supervisor.start(self._plan.sandbox())
        metric_files.empty(settings.METRICS_DIR)
        web = self._supervisor.start(self._plan.early_web(gate.ear))
        if self._supervisor.run(self._plan.prepare(), but=web):
            raise StartFailed("The preparation failed; its last lines above say why.")
        gate.open()
        self._supervisor.start(self._plan.worker(), stops_after=web)
        self._wait_for(web, f"{self._plan.url}/ping")
        if self._plan.has_sandbox:
            self._wait_for(sandbox, f"{self._plan.sandbox_url}/")
            self._send_demo_cases()
        self._show_addresses()

    def _wait_for(self, child: Child, url: str) -> None:
        self._supervisor.wait_for(child, lambda: answers(url), _READY_SECONDS)

    def _send_demo_cases(self) -> None:
        if self._supervisor.run(self._plan.demo_cases()):
            self._say("The demo cases could not be sent (see above); everything else runs.")

    def _show_addresses(self) -> None:
        addresses = {"Admin": f"{self._plan.public_url}/admin/"}
        if self._plan.has_sandbox:
            addresses["Sandbox"] = f"{self._plan.sandbox_url}/"
        addresses["Docs"] = f"{self._plan.public_url}/docs"
        self._say("\nRaiox AI is running.")
        self._say("")
        for name, address in addresses.items():
            self._say(f"  {name:<9} {address}")
        if self._plan.is_local:
            self._show_logins()
            self._say(f"\n  Logs are in {self._plan.var / 'log'}. Ctrl-C stops everything.\n")

    def _show_logins(self) -> None:
        self._say("")
        for name, password in passwords(self._plan.logins).items():
            self._say(f"  {name:<9} {password}   {PEOPLE[name][1]}")

    def _look_after_database(self) -> None:
        """Start the embedded server again when it was killed; keep trying while that fails."""
        if not self._database or self._database.running():
            return
        if time.monotonic() < self._database_retry_at:
            return
        self._database_retry_at = time.monotonic() + _DATABASE_RETRY_SECONDS
        self._say("database ended; starting it again.")
        try:
            self._database.ensure_running()
        except OperationalError as error:
            self._say(f"database: {error}")


def answers(url: str) -> bool:
    """Whether a program answers at `url`; a redirect or refusal is an answer too.

    Asked directly: a proxy from the environment can't reach this machine's own addresses.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
