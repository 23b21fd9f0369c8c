"""The admin's pages of the second factor."""

from base64 import b32encode
from textwrap import wrap
from typing import Any

import qrcode
from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as log_in_with
from qrcode.image.svg import SvgPathImage

from raiox.login import second_factor
from raiox.login.lockout import note_refusal


class CodeForm(forms.Form):
    """A code of the app; `accepts` says which."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )

    def clean_code(self) -> str:
        """As it was meant: apps show it in groups."""
        return "".join(str(self.cleaned_data["code"]).split()).lower()


@sensitive_post_parameters("code")
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Enrol one, or look after the one that is there."""
    user: Any = request.user
    if not second_factor.is_enrolled(user):
        return _enrol(request, user)
    if not user.is_verified():
        return redirect("admin:second_factor_code")
    return _keep(request, user)


@sensitive_post_parameters("code")
def code_page(request: HttpRequest) -> HttpResponse:
    """After the password: the code."""
    user: Any = request.user
    if user.is_verified() or not second_factor.is_enrolled(user):
        return redirect("admin:index" if user.is_verified() else "admin:second_factor")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if _enter(request, user, form):
            return redirect("admin:index")
        note_refusal(request)
    return _page(request, "code", _("Second step of the log-in"), form=form)


def _enrol(request: HttpRequest, user: Any) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if form.is_valid():
        device = second_factor.enrol(user, form.cleaned_data["code"])
        if device is not None:
            _verified(request, device)
            return _show_new_codes(request, user)
        form.add_error(
            "code", _("This code is not right. Does the clock of the telephone go right?")
        )
    device = second_factor.pending(user)
    return _page(
        request,
        "enrol",
        _("Protect your log-in with a second factor"),
        form=form,
        is_required=second_factor.is_required(user),
        picture=_qr_code(device.config_url),
        # In fours, as people read keys out; apps leave the spaces out.
        key=" ".join(wrap(b32encode(device.bin_key).decode(), 4)),
    )


def _keep(request: HttpRequest, user: Any) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if form.is_valid() and (device := _accepted(user, form)):
        if "remove" in request.POST:
            second_factor.remove(user)
            messages.success(request, _("The second factor was removed."))
            return redirect("admin:second_factor")
        _verified(request, device)
        return _show_new_codes(request, user)
    left = second_factor.recovery_codes_left(user)
    return _page(request, "keep", _("Second factor"), form=form, left=left)


def _show_new_codes(request: HttpRequest, user: Any) -> HttpResponse:
    """Once: they are not shown again."""
    codes = second_factor.new_recovery_codes(user)
    return _page(request, "codes", _("Your recovery codes"), codes=codes)


def _enter(request: HttpRequest, user: Any, form: CodeForm) -> bool:
    device = _accepted(user, form)
    if device is not None:
        _verified(request, device)
    return device is not None


def _accepted(user: Any, form: CodeForm) -> second_factor.Device | None:
    code = form.cleaned_data["code"]
    if second_factor.is_held_back(user, code):
        form.add_error("code", _("Too many wrong codes. Wait a little and try again."))
        return None
    device = second_factor.check(user, code)
    if device is None:
        form.add_error("code", _("This code is not right, or it was used already."))
    return device


def _verified(request: HttpRequest, device: second_factor.Device) -> None:
    """The session is worth more now, so it gets a new key."""
    request.session.cycle_key()
    log_in_with(request, device)


def _qr_code(text: str) -> SafeString:
    """A drawing without any style of its own; the text is ours."""
    image = qrcode.make(text, image_factory=SvgPathImage, border=2)
    return mark_safe(image.to_string(encoding="unicode"))  # noqa: S308  # digits and paths alone


def _page(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    shared = {"title": title, "is_nav_sidebar_enabled": False, "is_popup": False}
    context = {**admin.site.each_context(request), **shared, **context}
    return TemplateResponse(request, f"admin/second_factor/{name}.html", context)
