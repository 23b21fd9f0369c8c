"""Clock and disks of the machine that this runs on."""

import shutil
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

from django.conf import settings
from django.db import connection

from raiox.common.http import FetchError
from raiox.golive.asking import ask
from raiox.golive.line import Line, Plan, fail, ok, warn

MOST_SECONDS: Final = 2.0
_SMALLEST_SHARE: Final = 0.05

Offset = tuple[float, float]
"""How far another clock is ahead of ours, and how far that may be off, in seconds."""


def clock(plan: Plan) -> Line:
    """Signed links, log-ins and times of cases need clocks that agree: database and outside."""
    clocks: dict[str, Callable[[], Offset]] = {
        "database": _of_database,
        "Jotform": lambda: _of_date_header(settings.JOTFORM_API_URL),
    }
    told, is_wrong, is_unknown = [], False, False
    for name, compare in clocks.items():
        try:
            ahead, margin = compare()
        except (FetchError, LookupError) as error:
            told.append(f"{name} not compared ({type(error).__name__})")
            is_unknown = True
        else:
            told.append(f"{name} {ahead:+.1f} s (± {margin:.1f})")
            is_wrong |= abs(ahead) - margin >= MOST_SECONDS
    seen, todo = ", ".join(told), "Run timedatectl: NTP must be active on all machines."
    if is_wrong:
        return fail(seen, todo)
    return warn(seen, todo) if is_unknown else ok(seen)


def _of_database() -> Offset:
    started = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (told,) = cursor.fetchone()
    took = time.time() - started
    return told - (started + took / 2), took / 2


def _of_date_header(url: str) -> Offset:
    """A `Date` header tells whole seconds, cut off. Raises LookupError when there is none."""
    answer = ask("GET", url)
    told = parsedate_to_datetime(answer.headers["date"]).timestamp()
    margin = (answer.took + 1) / 2
    return told + 0.5 - (answer.at - answer.took / 2), margin


def disk(plan: Plan) -> Line:
    """Room for logs, backups on their way, and PostgreSQL where it runs here."""
    told, is_short = [], False
    for folder in plan.folders:
        if not folder.exists():
            return fail(f"{folder} does not exist", "Name folders that do: --disk FOLDER.")
        usage = shutil.disk_usage(folder)
        told.append(f"{folder} {usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f}")
        too_full = usage.free < _SMALLEST_SHARE * usage.total
        is_short |= too_full or usage.free < plan.free_gb * 1e9
    seen = ", ".join(told)
    return fail(seen, f"At least {plan.free_gb:g} GB and 5 %: make room.") if is_short else ok(seen)
