"""Finds the manufacturer that somebody names."""

from django.utils.translation import gettext as _

from implants.models import Manufacturer


class UnknownManufacturer(Exception):
    """The catalogue has no manufacturer of this name; the message is for people."""


def manufacturer_named(name: str) -> Manufacturer:
    """The manufacturer of this name, in upper or lower case. Raises `UnknownManufacturer`.

    Where two names differ in nothing but case, the one that is spelt so comes first.
    """
    named = Manufacturer.objects.filter(name__iexact=name)
    found = min(named, key=lambda row: (row.name != name, row.pk), default=None)
    if found is None:
        raise UnknownManufacturer(_("The catalogue has no manufacturer named “%s”.") % name)
    return found
