"""The last days in figures, in the service's time zone: what came, what was decided, how fast."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

SHOWN: Final = 30

# Of a decision that was taken back only the last one counts, measured from the case's arrival.
_DAYS: Final = """
WITH came AS (
    SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS many
    FROM cases WHERE created_at >= %(since)s GROUP BY 1
), decided AS (
    SELECT (decided_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS many,
        percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
            ORDER BY extract(epoch FROM decided_at - created_at)
        ) AS seconds
    FROM cases WHERE decided_at >= %(since)s GROUP BY 1
)
SELECT day, coalesce(came.many, 0), coalesce(decided.many, 0), decided.seconds
FROM came FULL JOIN decided USING (day)
"""


@dataclass(frozen=True, slots=True)
class Day:
    """One day; the times from arrival to decision are None on a day without decisions.

    `slow` is the ninth of ten: nine decisions took at most so long.
    """

    date: date
    came: int = 0
    decided: int = 0
    median: timedelta | None = None
    slow: timedelta | None = None


def last_days() -> list[Day]:
    """The last `SHOWN` days, today included, the oldest first; quiet days too."""
    today = timezone.localdate()
    first = today - timedelta(days=SHOWN - 1)
    found = _days_since(timezone.make_aware(datetime.combine(first, time.min)))
    dates = [first + timedelta(days=number) for number in range(SHOWN)]
    return [found.get(day, Day(day)) for day in dates]


def _days_since(since: datetime) -> dict[date, Day]:
    query: dict[str, Any] = {"zone": timezone.get_current_timezone_name(), "since": since}
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, query)
        return {row[0]: _day(*row) for row in cursor.fetchall()}


def _day(day: date, came: int, decided: int, seconds: Any) -> Day:
    median, slow = (timedelta(seconds=number) for number in seconds) if seconds else (None, None)
    return Day(day, came, decided, median, slow)
