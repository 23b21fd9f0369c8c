"""How long a case may wait before the queue says so."""

from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

_LIMITS: Final = (timedelta(hours=4), timedelta(days=1), timedelta(days=3))


class Age(models.IntegerChoices):
    """The steps of the limits; from `LATE` on the queue says "late" beside the age."""

    NEW = 0, _("up to 4 hours")
    AGEING = 1, _("4 to 24 hours")
    LATE = 2, _("1 to 3 days")
    VERY_LATE = 3, _("more than 3 days")


def age_of(since: datetime, now: datetime) -> Age:
    """The step of somebody who has been waiting since then."""
    return Age(sum(now - since > limit for limit in _LIMITS))


def age_in_sql(column: str, now: datetime) -> models.Case:
    """The same step as a number, computed by the database."""
    steps = [
        models.When(**{f"{column}__gte": now - limit}, then=models.Value(int(age)))
        for age, limit in zip(Age, _LIMITS, strict=False)
    ]
    return models.Case(
        *steps, default=models.Value(int(Age.VERY_LATE)), output_field=models.IntegerField()
    )
