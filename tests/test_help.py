"""The help: for everybody of the staff, whole in both languages, with pictures that are there."""

import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse

from raiox.admin_help import LANGUAGES, PAGES, help_text, sections
from tests.people import logged_in, person

PICTURE = re.compile(r'<img src="/static/([^"]+)"')
LONGEST = 1_500_000


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("group", "heading"),
    [("Revisores", "Revisar casos"), ("Curadores", "Cuidar do catálogo")],
)
def test_the_header_leads_to_the_help_for_what_one_does(group: str, heading: str) -> None:
    browser = logged_in(person("ana", group))
    assert f'<a href="{reverse("admin:help")}">Ajuda</a>' in browser.get("/admin/").content.decode()
    page = browser.get(reverse("admin:help")).content.decode()
    assert f"<h1>{heading}</h1>" in page


@pytest.mark.django_db
def test_each_page_leads_to_its_own_help() -> None:
    browser = logged_in(person("root", is_superuser=True))
    for path, page in (("implants/implant", "curator"), ("cases/case", "reviewer")):
        shown = browser.get(f"/admin/{path}/").content.decode()
        assert f'<a href="/admin/help/{page}/">Ajuda</a>' in shown


@pytest.mark.django_db
def test_everybody_may_read_all_of_it_and_nothing_else() -> None:
    browser = logged_in(person("leitor", "Leitores"))
    for page in PAGES:
        assert browser.get(reverse("admin:help", args=[page])).status_code == 200
    assert browser.get(reverse("admin:help", args=["nothing"])).status_code == 404


@pytest.mark.django_db
def test_its_contents_lead_to_its_sections() -> None:
    page = logged_in(person("ana", "Revisores")).get(reverse("admin:help")).content.decode()
    anchors = re.findall(r'<li><a href="#([\w-]+)">', page)
    assert len(anchors) > 10
    assert all(f'<section id="{anchor}">' in page for anchor in anchors)


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_say_the_same(page: str) -> None:
    """As far as a machine can tell: the same sections, each with the same parts."""
    portuguese, english = (help_text(page, language) for language in LANGUAGES)
    assert _shape(portuguese) == _shape(english)
    titles = [[section.title for section in sections(text)] for text in (portuguese, english)]
    assert not set(titles[0]) & set(titles[1])


def _shape(text: str) -> list[Any]:
    return re.findall(r"<(?:section id=\"[\w-]+\"|/?(?:p|li|dt|dd|tr|kbd|figure)\b)", text)


@pytest.mark.parametrize("page", PAGES)
def test_its_pictures_are_there(page: str) -> None:
    pictures = PICTURE.findall(help_text(page, "pt-br"))
    assert pictures
    assert [name for name in pictures if finders.find(name) is None] == []


def test_a_language_without_a_help_gets_the_portuguese_one() -> None:
    assert help_text("reviewer", "fr") == help_text("reviewer", "pt-br")
