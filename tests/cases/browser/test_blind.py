"""Looking first without suggestions, as a reviewer does it."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from cases.models import Case, FirstImpression, ReviewerPreferences, Search
from implants.models import Implant
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)
Visit = Callable[..., Page]


@pytest.fixture
def brenda(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def case(
    make_case: Callable[..., Case], add_search: Callable[..., Search], implants: list[Implant]
) -> Case:
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[1], 0.91), (implants[2], 0.82))
    return case


def address(case: Case) -> str:
    return f"/admin/cases/case/{case.pk}/change/"


def test_the_suggestions_come_with_the_first_impression(
    visit: Visit, brenda: User, case: Case
) -> None:
    page = visit(brenda, "/admin/")
    page.get_by_role("link", name="Preferências").click()
    page.get_by_label("Ver antes sem sugestões").check()
    page.get_by_role("button", name="Salvar preferências").click()
    expect(page.get_by_label("Ver antes sem sugestões")).to_be_checked()

    sent: list[str] = []
    page.on("response", lambda answer: sent.append(answer.url))
    page.goto(page.url.partition("/admin/")[0] + address(case))
    expect(page.get_by_text("Primeiro você: que implante parece ser?")).to_be_visible()
    assert "0,91" not in page.content() and "rx-card" not in page.content()
    assert not [url for url in sent if "/references/" in url]

    page.locator(f"[name=finding-{case.findings.get().pk}-note]").fill("Já digitado.")
    page.get_by_label("Fabricante", exact=True).select_option(label="Neodent")
    expect(page.get_by_label("Só o fabricante")).to_be_checked()
    page.get_by_role("button", name="Anotar e ver as sugestões").click()
    expect(page.locator(".rx-card")).to_have_count(2)
    expect(page.locator(".rx-card").first).to_contain_text("Grand Morse Helix")
    expect(page.get_by_text("Primeiro você")).to_have_count(0)
    expect(page.locator("[name$='-note']").first).to_have_value("Já digitado.")
    impression = FirstImpression.objects.get()
    assert (impression.user, impression.agrees) == (brenda, True)
    page.reload()
    expect(page.locator(".rx-story")).to_contain_text("a primeira sugestão foi")


def test_an_implant_is_found_by_typing(
    visit: Visit, brenda: User, case: Case, implants: list[Implant]
) -> None:
    ReviewerPreferences.objects.create(user=brenda, sees_suggestions_later=True)
    page = visit(brenda, address(case))
    page.get_by_role("button", name="Anotar e ver as sugestões").click()
    expect(page.get_by_role("alert").filter(has_text="Escolha o que você acha")).to_be_visible()
    page.get_by_role("button", name="Procurar…").click()
    page.keyboard.type("alvim")
    expect(page.locator("#find-list li")).to_contain_text("Alvim CM")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Um implante do catálogo")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator(".rx-card")).to_have_count(2)
    assert FirstImpression.objects.get().implant == implants[3]
    # What was found was the impression, not the verdict.
    expect(page.locator("[value=identified]")).not_to_be_checked()


def test_a_first_impression_needs_no_mouse(
    visit: Visit, brenda: User, case: Case, implants: list[Implant]
) -> None:
    ReviewerPreferences.objects.create(user=brenda, sees_suggestions_later=True)
    page = visit(brenda, address(case))
    for key in ("1", "2", "3"):
        page.keyboard.press(key)
    page.keyboard.press("b")
    page.keyboard.type("alvim")
    expect(page.locator("#find-list li")).to_contain_text("Alvim CM")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".rx-card")).to_have_count(2)
    assert FirstImpression.objects.get().implant == implants[3]
    page.keyboard.press("2")
    expect(page.locator(".rx-card").nth(1).locator("input")).to_be_checked()
