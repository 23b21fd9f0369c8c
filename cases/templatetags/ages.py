"""How long ago something happened, as people say it: `{{ when|how_long_ago }}`."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def how_long_ago(when: datetime) -> str:
    """In the largest unit alone; within the first minute "just now"."""
    if timezone.now() - when < timedelta(minutes=1):
        return _("just now")
    return _("%(age)s ago") % {"age": timesince(when, depth=1)}


@register.filter
def in_hours(time: timedelta | None) -> str:
    """A length of time in hours, with one place; a dash for none."""
    if time is None:
        return "–"
    hours = number_format(round(time / timedelta(hours=1), 1), 1)
    return f"{hours}\N{NO-BREAK SPACE}h"
