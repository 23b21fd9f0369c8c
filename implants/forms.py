"""The curators' forms."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from implants.attributes import without_outdated
from implants.models import Implant

ACCEPTED = (
    "image/jpeg,image/png,image/webp,image/tiff,image/heic,image/heif,.heic,.heif,"
    "application/dicom,.dcm,application/pdf"
)
# An odd number of backslashes: two are a backslash that somebody wrote.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class DiametersField(SimpleArrayField):
    """Millimetres with semicolons between them: in Portuguese the comma is part of a number."""

    def __init__(self, **options: Any) -> None:
        size = forms.DecimalField(max_digits=4, decimal_places=2, min_value=0, localize=True)
        super().__init__(size, delimiter=";", **options)

    def prepare_value(self, value: Any) -> Any:
        """Numbers as the reader writes them."""
        if isinstance(value, str):
            return value
        sizes: Sequence[Decimal] = value or []
        return "; ".join(number_format(size) for size in sizes)


class _GroupInput(AdminTextInputWidget):
    """Proposes the groups that there are: with a letter less it would be another group."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The field, and the list that the browser proposes from."""
        field = super().render(name, value, {**(attrs or {}), "list": f"{name}-known"}, renderer)
        known = Implant.objects.exclude(look_alike_group="").order_by("look_alike_group")
        groups = known.values_list("look_alike_group").distinct()
        options = format_html_join("", '<option value="{}"></option>', groups)
        return field + format_html('<datalist id="{}-known">{}</datalist>', name, options)


class _SourcesField(forms.JSONField):
    """Names of attributes to texts; JSON can write other things, and what is in no text besides.

    PostgreSQL keeps neither a NUL nor half of a surrogate pair.
    """

    def to_python(self, value: Any) -> Any:
        """As JSON says it, or invalid; nothing is no sources."""
        sources = super().to_python(value)
        if sources is None:
            return {}
        if not _is_text(sources) or not _is_of_texts(sources):
            raise ValidationError(
                self.error_messages["invalid"], code="invalid", params={"value": value}
            )
        return sources

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What is refused is shown as it was sent: half a pair could not be sent back."""
        sources = super().bound_data(data, initial)
        return sources if _is_text(sources) else InvalidJSONInput(data)


def _is_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_text(value: Any) -> bool:
    written = json.dumps(value, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:
        return False
    return _NUL.search(written) is None


class ImplantForm(forms.ModelForm):
    """An implant's attributes; the admin says which fields there are."""

    class Meta:
        widgets = {"look_alike_group": _GroupInput}
        field_classes = {"sources": _SourcesField}

    aliases = SimpleArrayField(
        forms.CharField(max_length=120),
        label=_("Aliases"),
        required=False,
        help_text=_("Other names of the same line, separated by commas"),
    )
    diameters_mm = DiametersField(
        label=_("Diameters (mm)"), required=False, help_text=_("Separated by semicolons")
    )

    def clean(self) -> dict[str, Any]:
        """A fact that changes loses the source of the earlier one, unless it gets another."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "sources" in cleaned:
            before = self.instance.sources  # not written yet
            cleaned["sources"] = without_outdated(cleaned["sources"], before, self.changed_data)
        return cleaned
