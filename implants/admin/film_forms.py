"""What the desk's pages send of a film: the file, its region, its sizes."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from implants.region import Region, RegionError

_LONGEST_MM: Final = 70
"""Zygomatic implants reach 60 mm."""


class RegionFormField(forms.CharField):
    """A region as JSON; an empty text is the whole film."""

    def clean(self, value: Any) -> Region | None:
        """The region; None for all of the film."""
        text = super().clean(value)
        try:
            return Region.from_json(text) if text else None
        except RegionError as error:
            raise ValidationError(str(error)) from error


class RegionForm(forms.Form):
    """A region alone."""

    region = RegionFormField(required=False)


class SizesForm(forms.Form):
    """Sizes of the implant, as far as they are known."""

    diameter_mm = forms.DecimalField(
        label=_("diameter (mm)"),
        required=False,
        localize=True,
        min_value=1,
        max_value=20,
        max_digits=4,
        decimal_places=2,
    )
    length_mm = forms.DecimalField(
        label=_("length (mm)"),
        required=False,
        localize=True,
        min_value=1,
        max_value=_LONGEST_MM,
        max_digits=4,
        decimal_places=1,
    )


class FilmForm(SizesForm, RegionForm):
    """A film that is to document an implant."""

    file = forms.FileField(
        allow_empty_file=True, error_messages={"required": _("No file was sent.")}
    )
    ticket = forms.CharField(required=False)


def first_error(form: forms.Form) -> str:
    """The first of the reasons, with the field it belongs to where that has a name of its own."""
    name, reasons = next(iter(form.errors.items()))
    label = form.fields[name].label
    return f"{str(label).capitalize()}: {reasons[0]}" if label else str(reasons[0])
