"""The page “Preferências”: how a reviewer likes to work."""

from typing import cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from cases.models import ReviewerPreferences
from raiox.common.staff import staff_required


class PreferencesForm(forms.ModelForm):
    """Her own choices."""

    class Meta:
        model = ReviewerPreferences
        fields = ["sees_suggestions_later"]


@staff_required("cases.decide_case")
def preferences(request: HttpRequest) -> HttpResponse:
    """Her preferences; nobody sees or changes another's."""
    user = cast(User, request.user)
    mine = ReviewerPreferences.objects.filter(user=user).first() or ReviewerPreferences(user=user)
    form = PreferencesForm(request.POST if request.method == "POST" else None, instance=mine)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your preferences were saved."))
        return redirect("admin:preferences")
    context = {
        **admin.site.each_context(request),
        "title": _("Preferences"),
        "form": form,
        "is_nav_sidebar_enabled": False,
    }
    return TemplateResponse(request, "admin/preferences.html", context)
