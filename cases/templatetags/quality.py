"""Parts of a whole as people read them: `{{ part|share:whole }}`."""

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def share(part: float, whole: float) -> str:
    """In whole percent, with a space that never breaks; a dash for a part of nothing."""
    if not whole:
        return "–"
    return f"{number_format(round(100 * part / whole))}\N{NO-BREAK SPACE}%"
