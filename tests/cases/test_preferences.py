"""The page of preferences: what each may choose, and what it says of what can't be had."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from cases.models import ReviewerPreferences
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db
PAGE = "/admin/preferences/"
NO_MAIL = "não está configurado para enviar e-mails"
NO_ADDRESS = "Sua conta não tem endereço de e-mail"


def shown(user: User) -> str:
    return logged_in(user).get(PAGE).content.decode()


def test_a_reviewer_chooses_what_she_hears_of() -> None:
    brenda = person("brenda", "Revisores")
    browser = logged_in(brenda)
    chosen = {"case_mails": "at_once", "wants_summary": "on", "language": "en"}
    answer = browser.post(PAGE, chosen, follow=True)
    mine = ReviewerPreferences.objects.get(user=brenda)
    assert (mine.case_mails, mine.wants_failures, mine.wants_summary) == ("at_once", False, True)
    assert "Your preferences were saved." in answer.content.decode()


def test_others_choose_their_language_only() -> None:
    lia = person("lia", "Curadores")
    assert "case_mails" not in shown(lia)
    logged_in(lia).post(PAGE, {"language": "en", "case_mails": "at_once"})
    mine = ReviewerPreferences.objects.get(user=lia)
    assert (mine.language, mine.case_mails) == ("en", "digest")


def test_nobody_else_sees_the_page() -> None:
    stranger = person("stranger", is_staff=False)
    assert logged_in(stranger).get(PAGE).status_code == 302


def test_it_says_that_the_service_sends_no_mail(settings: Any) -> None:
    brenda = person("brenda", "Revisores")
    assert NO_MAIL in shown(brenda)
    settings.EMAIL_IS_CONFIGURED = True
    assert NO_MAIL not in shown(brenda)


def test_it_says_that_there_is_no_address(settings: Any) -> None:
    settings.EMAIL_IS_CONFIGURED = True
    brenda = person("brenda", "Revisores")
    assert NO_ADDRESS in shown(brenda)
    User.objects.update(email="brenda@example.org")
    assert NO_ADDRESS not in shown(brenda)
    assert "brenda@example.org" in shown(brenda)


def test_it_says_when(settings: Any) -> None:
    settings.DIGEST_TIMES, settings.SUMMARY_TIME = ["17:00", "09:00"], "06:45"
    page = shown(person("brenda", "Revisores"))
    assert "09:00 e 17:00" in page
    assert "06:45" in page
