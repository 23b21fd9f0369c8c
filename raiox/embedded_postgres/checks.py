"""The embedded server is for trying and testing; where it counts, it is refused."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from raiox.checks import SETTINGS

ENGINE = "raiox.embedded_postgres"
HINT = "Set DATABASE_URL to a PostgreSQL 16+ server with pgvector, with backups of its own."


def is_refused() -> bool:
    """Whether this mode may not use the embedded server."""
    return settings.RAIOX_ENV in ("stage", "production")


@register(SETTINGS)
def check_database_is_a_server(**_: Any) -> list[CheckMessage]:
    """Stage and production have a database server, not the embedded one."""
    embedded = any(database["ENGINE"] == ENGINE for database in settings.DATABASES.values())
    if not (embedded and is_refused()):
        return []
    return [
        Error(
            "The embedded PostgreSQL is not for stage and production.", hint=HINT, id="raiox.E010"
        )
    ]
