"""`manage.py up`: Raiox on this machine with one command, until Ctrl-C."""

import os
import socket
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from raiox.checks import SETTINGS
from raiox.embedded_postgres.checks import ENGINE
from raiox.up.alone import AlreadyRunning, alone, end_leftovers
from raiox.up.plan import Plan
from raiox.up.session import Session
from raiox.up.supervisor import StartFailed

if TYPE_CHECKING:
    from raiox.embedded_postgres.cluster import Cluster

_LOOPBACK = ("127.0.0.1", "localhost")


class Command(BaseCommand):
    """Starts the database, prepares it, and supervises web, worker and (locally) the sandbox."""

    help = (
        "Start everything and keep it running until Ctrl-C. "
        "Example: manage.py up --port 9000 (the sandbox then answers on port 9001)"
    )
    # No application is there (manage.py); `prepare` runs all the checks, before it does anything.
    requires_system_checks = [SETTINGS]

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        port = os.environ.get("PORT") or "8000"
        parser.add_argument("--port", type=int, default=port, help="default: PORT, or 8000")
        parser.add_argument("--host", default="127.0.0.1", help="in local mode loopback only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until somebody asks to stop."""
        plan = Plan(options["host"], options["port"])
        if plan.is_local and plan.host not in _LOOPBACK:
            raise CommandError("Local mode listens on 127.0.0.1 only.")
        try:
            with alone(plan.var, plan.url):
                self._end_leftovers(plan)
                _refuse_used_ports(plan)
                Session(plan, _embedded_database(), self._say).run()
        except (AlreadyRunning, StartFailed, OperationalError) as error:
            raise CommandError(str(error)) from None

    def _end_leftovers(self, plan: Plan) -> None:
        left = end_leftovers(plan.var)
        if left:
            self._say(f"Ended {len(left)} processes that an earlier run had left.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _embedded_database() -> "Cluster | None":
    if settings.DATABASES["default"]["ENGINE"] != ENGINE:
        return None
    from raiox.embedded_postgres.configured import configured_cluster  # brings a driver along

    return configured_cluster()


def _refuse_used_ports(plan: Plan) -> None:
    for port in plan.ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((plan.host, port))
            except (OSError, OverflowError):
                raise StartFailed(
                    f"Port {port} can't be used (another program may have it). "
                    "Choose another with PORT=...; the sandbox takes the one after it."
                ) from None
