"""The front page as people use it in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cases.models import Case
from tests.people import person
from webhooks.models import JotformForm


@pytest.mark.django_db(transaction=True)
def test_a_reviewer_pauses_the_answers_and_lets_them_go_again(
    visit: Callable[..., Page], form: JotformForm
) -> None:
    page = visit(person("brenda", "Revisores"), "/admin/")

    page.get_by_role("link", name="Pausar…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pausar as respostas?")
    page.get_by_role("button", name="Pausar").click()
    expect(page.get_by_text("entregas pausadas")).to_be_visible()
    expect(page.get_by_text("alterado por Brenda")).to_be_visible()

    page.get_by_role("link", name="Liberar…").click()
    page.get_by_role("button", name="Liberar").click()
    expect(page.get_by_text("respostas saem normalmente")).to_be_visible()


@pytest.mark.django_db(transaction=True)
def test_the_sections_are_folded_for_a_reviewer_and_open_on_demand(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    make_case(dentist_name="Ana Dias")
    page = visit(person("brenda", "Revisores"), "/admin/")
    section = page.get_by_role("link", name="Implantes", exact=True)
    expect(section).to_be_hidden()
    page.get_by_text("Todas as seções").click()
    expect(section).to_be_visible()

    page.get_by_role("link", name="Ana Dias").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("#")


@pytest.mark.django_db(transaction=True)
def test_the_figures_behind_the_charts_can_be_read(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    make_case()
    page = visit(person("brenda", "Revisores"), "/admin/")
    expect(page.get_by_role("img", name="Casos recebidos e decididos por dia")).to_be_visible()
    table = page.locator(".rx-figures-table table")
    expect(table).to_be_hidden()
    page.get_by_text("Os mesmos dados em números").click()
    expect(table.locator("tbody tr").first.locator("td").first).to_have_text("1")
