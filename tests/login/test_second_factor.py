"""The second factor: enrolled, asked for, lost, removed; and never walked around."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework_simplejwt.tokens import RefreshToken

from raiox.login import second_factor
from tests.login.conftest import ask_token, log_in
from tests.people import logged_in

PAGE, CODE = "/admin/second-factor/", "/admin/second-factor/code/"


def code_of(user: User) -> str:
    """What her telephone shows; each time as if a fresh code had come."""
    TOTPDevice.objects.filter(user=user).update(
        last_t=-1, throttling_failure_count=0, throttling_failure_timestamp=None
    )
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key):06}"


def wrong(user: User) -> str:
    return f"{(int(code_of(user)) + 1) % 1_000_000:06}"


@pytest.fixture
def enrolled(ana: User) -> User:
    """Ana, whose telephone shows codes."""
    second_factor.pending(ana)
    assert second_factor.enrol(ana, code_of(ana))
    second_factor.new_recovery_codes(ana)
    return ana


@pytest.fixture
def browser(enrolled: User) -> Client:
    """Hers, after the password."""
    client = Client()
    assert log_in(client, "ana").status_code == 302
    return client


def location(answer: Any) -> str:
    assert answer.status_code == 302
    return str(answer["Location"])


def test_enrolling_shows_a_picture_and_takes_a_code(ana: User) -> None:
    client = logged_in(ana)
    page = client.get(PAGE).content.decode()
    assert "<svg" in page and "style=" not in page.split("<svg")[1].split("</svg>")[0]
    assert not second_factor.is_enrolled(ana), "not before a right code"
    assert "não está certo" in client.post(PAGE, {"code": wrong(ana)}).content.decode()
    assert not second_factor.is_enrolled(ana)
    shown = client.post(PAGE, {"code": code_of(ana)}).content.decode()
    assert second_factor.is_enrolled(ana)
    codes = StaticToken.objects.values_list("token", flat=True)
    assert len(codes) == 10 and all(code in shown for code in codes)
    assert client.get("/admin/").status_code == 200
    page = client.get(PAGE).content.decode()
    assert not any(code in page for code in codes), "shown once"


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/cases/case/", "/admin/help/", "/docs", "/files/references/1", PAGE],
)
def test_the_password_alone_opens_nothing(browser: Client, path: str) -> None:
    assert location(browser.get(path)) == CODE
    if path != PAGE:
        assert browser.post(path).status_code in (403, 405)


def test_the_right_code_opens(browser: Client, enrolled: User) -> None:
    before = browser.cookies["raiox_session"].value
    assert "não está certo" in browser.post(CODE, {"code": wrong(enrolled)}).content.decode()
    assert location(browser.get("/admin/")) == CODE
    assert location(browser.post(CODE, {"code": code_of(enrolled)})) == "/admin/"
    assert browser.get("/admin/").status_code == 200
    assert browser.cookies["raiox_session"].value != before


def test_a_code_serves_once(browser: Client, enrolled: User) -> None:
    code = code_of(enrolled)
    assert location(browser.post(CODE, {"code": code})) == "/admin/"
    other = Client()
    log_in(other, "ana")
    assert "já foi usado" in other.post(CODE, {"code": code}).content.decode()


def test_guessing_is_slowed_down(browser: Client, enrolled: User) -> None:
    for _ in range(4):
        TOTPDevice.objects.update(throttling_failure_timestamp=None)
        browser.post(CODE, {"code": "000000"})
    right = f"{totp(TOTPDevice.objects.get().bin_key):06}"
    assert "Códigos errados demais" in browser.post(CODE, {"code": right}).content.decode()


def test_a_recovery_code_opens_once(browser: Client, enrolled: User) -> None:
    token = StaticToken.objects.first()
    assert token is not None
    assert location(browser.post(CODE, {"code": token.token.upper()})) == "/admin/"
    assert second_factor.recovery_codes_left(enrolled) == 9


def test_another_persons_code_opens_nothing(browser: Client, boss: User) -> None:
    second_factor.pending(boss)
    assert second_factor.enrol(boss, code_of(boss))
    browser.post(CODE, {"code": code_of(boss)})
    assert location(browser.get("/admin/")) == CODE


def test_removing_and_renewing_need_a_code(browser: Client, enrolled: User) -> None:
    browser.post(CODE, {"code": code_of(enrolled)})
    browser.post(PAGE, {"code": wrong(enrolled), "remove": ""})
    assert second_factor.is_enrolled(enrolled)
    old = set(StaticToken.objects.values_list("token", flat=True))
    browser.post(PAGE, {"code": code_of(enrolled), "renew": ""})
    assert old.isdisjoint(StaticToken.objects.values_list("token", flat=True))
    browser.post(PAGE, {"code": code_of(enrolled), "remove": ""})
    assert not second_factor.is_enrolled(enrolled)
    assert not StaticToken.objects.exists()


def test_an_older_session_is_asked_too(ana: User) -> None:
    old = logged_in(ana)
    assert old.get("/admin/").status_code == 200
    second_factor.pending(ana)
    second_factor.enrol(ana, code_of(ana))
    assert location(old.get("/admin/")) == CODE


@pytest.mark.parametrize(
    ("policy", "of_boss", "of_ana"),
    [("superusers", 302, 200), ("staff", 302, 302), ("off", 200, 200)],
)
def test_a_setting_requires_it(
    ana: User, boss: User, settings: Any, policy: str, of_boss: int, of_ana: int
) -> None:
    settings.REQUIRE_SECOND_FACTOR = policy
    assert logged_in(boss).get("/admin/").status_code == of_boss
    assert logged_in(ana).get("/admin/").status_code == of_ana


def test_who_needs_one_is_led_to_enrolment_and_nowhere_else(boss: User, settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = "superusers"
    client = logged_in(boss)
    for path in ("/admin/", "/admin/auth/user/", "/docs", "/files/references/1"):
        assert location(client.get(path)) == PAGE
    assert client.post("/admin/auth/user/add/", {"username": "x"}).status_code == 403
    assert location(client.get(CODE)) == PAGE
    client.get(PAGE)
    client.post(PAGE, {"code": code_of(boss)})
    assert client.get("/admin/auth/user/").status_code == 200


def test_local_mode_asks_nobody(boss: User) -> None:
    assert logged_in(boss).get("/admin/").status_code == 200


def test_the_api_asks_for_the_code_too(enrolled: User) -> None:
    def answer(otp: str) -> tuple[int, str]:
        given = ask_token("ana", otp=otp)
        return given.status_code, given.json().get("error", {}).get("code", "")

    assert answer("") == (401, "otp_required")
    assert answer(wrong(enrolled)) == (401, "otp_invalid")
    assert answer(code_of(enrolled)) == (200, "")
    assert ask_token("ana", "wrong", otp=code_of(enrolled)).json()["error"]["code"] == (
        "no_active_account"
    ), "the code is not even looked at"


def test_the_api_gives_nothing_to_who_needs_one_and_has_none(boss: User, settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = "superusers"
    answer = ask_token("boss")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "second_factor_missing")


def test_a_token_is_not_refreshed_past_a_second_factor_that_is_owed(
    ana: User, settings: Any
) -> None:
    token = str(RefreshToken.for_user(ana))
    settings.REQUIRE_SECOND_FACTOR = "superusers"
    User.objects.filter(pk=ana.pk).update(is_superuser=True)
    sent = {"refresh": token}
    answer = Client().post("/auth/token/refresh", sent, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "second_factor_missing")


def test_tokens_from_before_end(ana: User) -> None:
    token = str(RefreshToken.for_user(ana))
    second_factor.pending(ana)
    second_factor.enrol(ana, code_of(ana))
    sent = {"refresh": token}
    answer = Client().post("/auth/token/refresh", sent, content_type="application/json")
    assert answer.status_code == 401


def test_a_command_helps_who_lost_everything(enrolled: User) -> None:
    call_command("remove_second_factor", "ana")
    assert not second_factor.is_enrolled(enrolled)
    with pytest.raises(CommandError, match="no second factor"):
        call_command("remove_second_factor", "ana")


def test_secrets_of_devices_have_no_page(boss: User) -> None:
    client = logged_in(boss)
    for app in ("otp_totp", "otp_static", "token_blacklist", "axes"):
        assert client.get(f"/admin/{app}/").status_code == 404
