"""Forms of the admin for Jotform's forms."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webhooks.models import JotformForm


class JotformFormForm(forms.ModelForm):
    """A form's mapping, with the fields that the admin gives it; there is one default form."""

    def clean_is_default(self) -> Any:
        """One form at most takes what comes without a form id."""
        is_default = self.cleaned_data["is_default"]
        other = JotformForm.objects.filter(is_default=True).exclude(pk=self.instance.pk).first()
        if is_default and other:
            raise forms.ValidationError(
                _("“%(form)s” is the default form: take the mark away there first."),
                params={"form": other},
            )
        return is_default
