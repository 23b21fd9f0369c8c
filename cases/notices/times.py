"""The hours at which digests and summaries go out, in the service's time zone."""

from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.utils import timezone

# A summary that could not go out this long after its hour is no longer worth reading.
_SUMMARY_PATIENCE = timedelta(hours=4)


def clock(text: str) -> time:
    """`08:30` as a time of the day. Raises ValueError."""
    return time.fromisoformat(text.strip())


def next_digest(after: datetime) -> datetime:
    """The first digest hour that comes after this moment."""
    today = timezone.localdate(after)
    days = (today, today + timedelta(days=1))
    hours = sorted(map(clock, settings.DIGEST_TIMES))
    return next(moment for day in days for hour in hours if (moment := _at(day, hour)) > after)


def summary_day(now: datetime) -> date | None:
    """Today, when it is time for today's summary."""
    today = timezone.localdate(now)
    begins = _at(today, clock(settings.SUMMARY_TIME))
    return today if begins <= now < begins + _SUMMARY_PATIENCE else None


def _at(day: date, hour: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, hour))
