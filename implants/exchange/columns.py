"""The columns of the table of systems: how each value is written for people, and read back."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import override
from import_export.fields import Field
from import_export.widgets import Widget

from implants.exchange.tables import guarded, unguarded
from implants.models import Implant, Manufacturer

_BETWEEN: Final = "; "
_YES: Final = {"sim": True, "yes": True, "true": True, "1": True, "verdadeiro": True}
_NO: Final = {"não": False, "nao": False, "no": False, "false": False, "0": False, "falso": False}


class Text(Widget):
    """Text without what a spreadsheet would run."""

    def clean(self, value: Any, row: Any = None, **_options: Any) -> str:
        """The text of a cell."""
        return unguarded(value or "")

    def render(self, value: Any, obj: Any = None, **_options: Any) -> str:
        """A cell."""
        return guarded(value or "")


class Texts(Widget):
    """Several texts in a cell, with semicolons between them."""

    def clean(self, value: Any, row: Any = None, **_options: Any) -> list[str]:
        """Each once, in their order."""
        parts = (part.strip() for part in unguarded(value or "").split(_BETWEEN.strip()))
        return list(dict.fromkeys(part for part in parts if part))

    def render(self, value: Any, obj: Any = None, **_options: Any) -> str:
        """A cell."""
        return guarded(_BETWEEN.join(value or []))


class Diameters(Widget):
    """Millimetres with semicolons between them; comma and point both begin the decimals."""

    def clean(self, value: Any, row: Any = None, **_options: Any) -> list[Decimal]:
        """Raises ValueError, in words for people."""
        parts = [part.strip() for part in (value or "").split(";")]
        return [self._millimetres(part) for part in parts if part]

    def render(self, value: Any, obj: Any = None, **_options: Any) -> str:
        """A cell."""
        return _BETWEEN.join(number_format(size.normalize() + 0) for size in value or [])

    def _millimetres(self, text: str) -> Decimal:
        try:
            return Decimal(text.removesuffix("mm").strip().replace(",", ".")).quantize(
                Decimal("0.01")
            )
        except InvalidOperation as error:
            raise ValueError(_("“%(text)s” is no number.") % {"text": text}) from error


class Choice(Widget):
    """One of a field's choices: by its word in any of our languages, or by its code."""

    def __init__(self, choices: Any) -> None:
        """`choices`: a `TextChoices` class."""
        super().__init__()
        self._choices = choices

    def clean(self, value: Any, row: Any = None, **_options: Any) -> str:
        """The code. Raises ValueError, in words for people."""
        said = (value or "").casefold()
        if not said:
            return ""
        if said in self._known():
            return self._known()[said]
        words = ", ".join(str(choice.label) for choice in self._choices)
        message = _("“%(value)s” is not known here; use: %(words)s.")
        raise ValueError(message % {"value": value, "words": words})

    def render(self, value: Any, obj: Any = None, **_options: Any) -> str:
        """The word."""
        return str(self._choices(value).label) if value else ""

    def _known(self) -> Mapping[str, str]:
        known = {choice.value.casefold(): choice.value for choice in self._choices}
        for language, _name in settings.LANGUAGES:
            with override(language):
                known |= {str(one.label).casefold(): one.value for one in self._choices}
        return known


class YesNo(Widget):
    """Yes, no, or not known."""

    def clean(self, value: Any, row: Any = None, **_options: Any) -> bool | None:
        """None for an empty cell. Raises ValueError, in words for people."""
        said = str(value or "").casefold()
        if not said:
            return None
        if said not in _YES | _NO:
            raise ValueError(_("Write yes or no, or leave the cell empty."))
        return (_YES | _NO)[said]

    def render(self, value: Any, obj: Any = None, **_options: Any) -> str:
        """The word."""
        return "" if value is None else _("yes") if value else _("no")


class SourceField(Field):
    """Where one attribute is known from: an entry of `Implant.sources`."""

    def __init__(self, about: str) -> None:
        """`about`: the attribute's name."""
        super().__init__("sources", f"{about}_source", Text())
        self._about = about

    def get_value(self, instance: Implant) -> str:
        """The source, '' without one."""
        return str(instance.sources.get(self._about, ""))

    def save(self, instance: Implant, row: Any, is_m2m: bool = False, **_options: Any) -> None:
        """Keep the sources of all other attributes."""
        told = self.clean(row)
        others = {name: text for name, text in instance.sources.items() if name != self._about}
        if self.get_value(instance) != told:
            instance.sources = {**others, self._about: told} if told else others


class CountryField(Field):
    """The maker's country: filled in where none is known, never changed by the way."""

    def __init__(self) -> None:
        super().__init__("manufacturer__country", "country", Text())

    def save(self, instance: Implant, row: Any, is_m2m: bool = False, **_options: Any) -> None:
        """Raises ValueError, in words for people."""
        country, maker = self.clean(row).upper(), instance.manufacturer
        if country == maker.country or not country:
            return
        if maker.country:
            message = _(
                "%(maker)s is in the catalogue with %(country)s: change it on its own page."
            )
            raise ValueError(message % {"maker": maker.name, "country": maker.country})
        if not re.fullmatch("[A-Z]{2}", country):
            raise ValueError(_("A country is two letters, such as BR."))
        maker.country = country
        maker.save(update_fields=["country"])


class Maker(Widget):
    """A manufacturer by name; `find` may create it."""

    def __init__(self, find: Any) -> None:
        """`find`: gives the manufacturer of a name, or raises ValueError."""
        super().__init__()
        self._find = find

    def clean(self, value: Any, row: Any = None, **_options: Any) -> Manufacturer:
        """Raises ValueError, in words for people."""
        found: Manufacturer = self._find(unguarded(value or ""))
        return found

    def render(self, value: Any, obj: Any = None, **_options: Any) -> str:
        """The name."""
        return guarded(value.name) if value else ""
