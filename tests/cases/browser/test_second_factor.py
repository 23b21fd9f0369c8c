"""Enrolling a second factor and logging in with it, in a real browser."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from raiox.login import second_factor
from tests.cases.browser.axe import violations

pytestmark = pytest.mark.django_db(transaction=True)
Visit = Callable[..., Page]


def code_of(user: User) -> str:
    TOTPDevice.objects.filter(user=user).update(last_t=-1)
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key):06}"


def test_enrolling_and_logging_in(visit: Visit, reviewer: User) -> None:
    page = visit(reviewer, "/admin/second-factor/")
    expect(page.get_by_role("img", name="Código QR")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Código:").fill(code_of(reviewer))
    page.get_by_role("button", name="Configurar").click()
    expect(page.locator(".rx-recovery code")).to_have_count(second_factor.RECOVERY_CODES)
    assert violations(page) == []
    page.get_by_role("link", name="Já guardei os códigos").click()
    expect(page).to_have_url(page.url.split("/admin/")[0] + "/admin/")

    page = visit(reviewer, "/admin/cases/case/")
    assert page.url.endswith("/admin/second-factor/code/")
    assert violations(page) == []
    page.get_by_label("Código:").fill(code_of(reviewer))
    page.get_by_role("button", name="Entrar").click()
    expect(page.locator("#user-tools")).to_be_visible()
    page.goto(page.url.split("/admin/")[0] + "/admin/second-factor/")
    assert violations(page) == []
