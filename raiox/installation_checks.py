"""A process refuses a database that belongs to another environment before it does anything."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import OperationalError, connection

from raiox.embedded_postgres.checks import ENGINE


@register()
def check_database_is_ours(**_: Any) -> list[CheckMessage]:
    """Asked of servers only: the embedded database is nobody's, and tests make their own.

    One that can't be reached says nothing; what starts meanwhile does nothing without it either,
    and the next release asks again.
    """
    if settings.RAIOX_ENV == "test" or settings.DATABASES["default"]["ENGINE"] == ENGINE:
        return []
    from raiox.installation import database_problem  # models can be loaded only now

    try:
        problem = database_problem()
    except OperationalError:
        return []
    finally:
        connection.close()
    return [Error(problem.what, hint=problem.hint, id="raiox.E013")] if problem else []
