"""The admin speaks the language of the browser, or the one that a person chose."""

import pytest
from django.test import Client

from cases.models import ReviewerPreferences
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("browser", "chosen", "seen"),
    [
        ("pt-BR", "", "Visão geral"),
        ("en-GB,en;q=0.8", "", "Overview"),
        ("fr", "", "Visão geral"),
        ("en", "pt-br", "Visão geral"),
        ("pt-BR", "en", "Overview"),
    ],
)
def test_the_language_of_the_admin(browser: str, chosen: str, seen: str) -> None:
    brenda = person("brenda", "Revisores")
    ReviewerPreferences.objects.create(user=brenda, language=chosen)
    page = logged_in(brenda).get("/admin/", headers={"Accept-Language": browser})
    assert f"<h1>{seen}</h1>" in page.content.decode()
    assert page.headers["Content-Language"] == ("en" if seen == "Overview" else "pt-br")


def test_strangers_see_their_browsers_language() -> None:
    page = Client().get("/admin/login/", headers={"Accept-Language": "en"})
    assert "Username" in page.content.decode()
