"""The page “Preferências”: how somebody likes to work, and what she wants to be told."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import translation
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from cases.models import ReviewerPreferences
from cases.notices.people import DECIDES, mail_is_set_up, telegram_is_set_up

_OF_REVIEWERS = ("sees_suggestions_later", "case_mails", "wants_failures", "wants_summary")


class PreferencesForm(forms.ModelForm):
    """Her own choices; who does not decide cases has only the language to choose."""

    class Meta:
        model = ReviewerPreferences
        fields = ["language", *_OF_REVIEWERS]
        widgets = {"case_mails": forms.RadioSelect}

    def __init__(self, *args: Any, may_decide: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = cast(forms.TypedChoiceField, self.fields["language"])
        language.choices = [("", _("that of the browser")), *settings.LANGUAGES]
        if not may_decide:
            for name in _OF_REVIEWERS:
                del self.fields[name]


def preferences(request: HttpRequest) -> HttpResponse:
    """Her preferences; nobody sees or changes another's."""
    user = cast(User, request.user)
    may_decide = user.has_perm(DECIDES)
    mine = ReviewerPreferences.objects.filter(user=user).first() or ReviewerPreferences(user=user)
    data = request.POST if request.method == "POST" else None
    form = PreferencesForm(data, instance=mine, may_decide=may_decide)
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(mine.language or translation.get_language()):
            messages.success(request, _("Your preferences were saved."))
        return redirect("admin:preferences")
    context = {
        **admin.site.each_context(request),
        "title": _("Preferences"),
        "form": form,
        "may_decide": may_decide,
        "is_nav_sidebar_enabled": False,
        **_about_mail(),
    }
    return TemplateResponse(request, "admin/preferences.html", context)


def _about_mail() -> dict[str, Any]:
    """What the service can do, so that the page promises no more."""
    return {
        "has_mail": mail_is_set_up(),
        "has_telegram": telegram_is_set_up(),
        "digest_times": get_text_list(sorted(settings.DIGEST_TIMES), _("and")),
        "summary_time": settings.SUMMARY_TIME,
    }
