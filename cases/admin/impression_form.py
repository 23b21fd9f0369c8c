"""The form of a first impression, for those who look before they see suggestions."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.models import Finding
from implants.models import Implant, Manufacturer


class ImpressionForm(forms.Form):
    """What a reviewer takes a finding for before she sees its candidates."""

    IMPLANT, MANUFACTURER, UNKNOWN = "implant", "manufacturer", "unknown"
    kind = forms.ChoiceField(
        label=_("First impression"),
        choices=[
            (IMPLANT, _("an implant of the catalogue")),
            (MANUFACTURER, _("the manufacturer only")),
            (UNKNOWN, _("I can't tell")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what you take the implant for, or “I can't tell”.")},
    )
    implant = forms.ModelChoiceField(
        label=_("Implant"),
        queryset=Implant.objects.select_related("manufacturer"),
        required=False,
        empty_label=_("choose…"),
    )
    manufacturer = forms.ModelChoiceField(
        label=_("Manufacturer"),
        queryset=Manufacturer.objects.all(),
        required=False,
        empty_label=_("choose…"),
    )

    def __init__(self, finding: Finding, data: Any = None) -> None:
        super().__init__(data, prefix=f"impression-{finding.pk}", use_required_attribute=False)

    def clean(self) -> dict[str, Any]:
        """The choice goes with what was chosen."""
        cleaned: dict[str, Any] = super().clean() or {}
        kind = cleaned.get("kind")
        if kind == self.IMPLANT and not cleaned.get("implant"):
            self.add_error(None, _("Choose the implant, or another answer."))
        if kind == self.MANUFACTURER and not cleaned.get("manufacturer"):
            self.add_error(None, _("Choose the manufacturer, or another answer."))
        return cleaned

    def impression(self) -> dict[str, Any]:
        """What a valid form says, for `cases.impressions.note`."""
        kind = self.cleaned_data["kind"]
        return {
            "implant": self.cleaned_data["implant"] if kind == self.IMPLANT else None,
            "manufacturer": (
                self.cleaned_data["manufacturer"] if kind == self.MANUFACTURER else None
            ),
        }

    def messages(self) -> list[str]:
        """What is wrong with it."""
        return [str(error) for errors in self.errors.values() for error in errors]
