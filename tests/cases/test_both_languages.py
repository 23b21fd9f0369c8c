"""Whole pages in one language: nothing on them is the other's text of the same message."""

from collections.abc import Iterator
from functools import cache

import pytest
from django.test import Client
from django.urls import reverse

from raiox.admin_help import PAGES
from tests.cases.world import World
from tests.people import logged_in
from tests.test_english import Texts
from tests.test_translations import catalogue

pytestmark = pytest.mark.django_db
# A sentence is known again inside a longer text; a word could be anybody's.
SENTENCE = 25
# Django has no Portuguese for the name of its search button.
_DJANGOS = {"search"}


@cache
def both() -> tuple[dict[str, str], dict[str, str]]:
    """English -> Portuguese of messages without placeholders, and the way back."""
    pairs = [
        (entry.message.singular.strip(), entry.texts[0].strip())
        for entry in catalogue()
        if "%" not in entry.message.singular
    ]
    english, portuguese = {a for a, _ in pairs}, {b for _, b in pairs}
    there = {a: b for a, b in pairs if a.lower() not in {text.lower() for text in portuguese}}
    back = {b: a for a, b in pairs if b.lower() not in {text.lower() for text in english}}
    return there, back


def texts(page: bytes) -> Iterator[str]:
    """What a page says, piece by piece."""
    parser = Texts()
    parser.feed(page.decode())
    yield from (" ".join(text.split()) for text in parser.found if text.strip())


def foreign(page: bytes, known: dict[str, str]) -> list[str]:
    """Pieces of the page that are texts of the other language."""
    lower = {text.lower() for text in known} - _DJANGOS
    long = [text.lower() for text in known if len(text) >= SENTENCE]
    return [
        text
        for text in texts(page)
        if text.lower().rstrip(":") in lower or any(part in text.lower() for part in long)
    ]


# Names of permissions, tokens and jobs belong to libraries, which keep them in English.
_NOT_OURS = ("auth_", "token_blacklist_", "procrastinate_")


def paths(world: World) -> dict[str, str]:
    """Our own pages: models' pages, those that are no model's, and a case in every state."""
    help_ = {f"help {page}": reverse("admin:help", args=[page]) for page in PAGES}
    states = {
        state: reverse("admin:cases_case_change", args=[case.pk])
        for state, case in world.cases.items()
    }
    ours = {
        name: path
        for name, path in world.paths().items()
        # A history is told in the language of whoever made it.
        if not name.startswith(_NOT_OURS) and not name.endswith("_history")
    }
    others = world.other_paths()
    del others["implants_implant_changes"]  # a history, too
    return {**ours, **others, **help_, **states}


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_pages_are_in_one_language(world: World, language: str) -> None:
    there, back = both()
    known = back if language == "en" else there
    browser: Client = logged_in(world.visitor)
    found = {}
    for name, path in paths(world).items():
        page = browser.get(path, headers={"Accept-Language": language})
        assert page.status_code in (200, 403), f"{name}: {page.status_code}"
        if foreign_texts := foreign(page.content, known):
            found[name] = foreign_texts[:5]
    assert not found


def test_a_foreign_text_is_noticed() -> None:
    there, back = both()
    assert foreign(b"<p>Fila:</p>", {"Fila": "Queue"}) == ["Fila:"]
    assert "Preferences" in there
    assert "Preferências" in back
    page = "<p>Ana. Suas preferências foram salvas. Sim</p>".encode()
    assert foreign(page, {"Suas preferências foram salvas.": ""})
