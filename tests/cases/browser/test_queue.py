"""The queue as Brenda uses it in her browser."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cases.events import record
from cases.models import Case, CaseEvent
from tests.people import person

QUEUE = "/admin/cases/case/"


@pytest.mark.django_db(transaction=True)
def test_a_case_of_the_queue_opens_with_a_click(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    case = make_case(dentist_name="Ana Dias")
    page = visit(person("brenda", "Revisores"), QUEUE)
    page.get_by_role("link", name="Ana Dias").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"#{case.pk}")


@pytest.mark.django_db(transaction=True)
def test_keys_lead_through_the_queue(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    names = ("Ana", "Bia", "Cora")
    cases = [make_case(dentist_name=name) for name in names]
    page = visit(person("brenda", "Revisores"), QUEUE)

    for key, name in (("j", "Ana"), ("j", "Bia"), ("j", "Cora"), ("j", "Cora"), ("k", "Bia")):
        page.keyboard.press(key)
        expect(page.get_by_role("link", name=re.compile(f"^{name} "))).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("jk")
    expect(page.get_by_role("searchbox")).to_have_value("jk")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"#{cases[1].pk}")


@pytest.mark.django_db(transaction=True)
def test_a_filter_is_chosen_and_left_again(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    make_case(dentist_name="Ana")
    old = make_case(dentist_name="Bia")
    Case.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=5))
    page = visit(person("brenda", "Revisores"), QUEUE)
    rows = page.locator("#result_list tbody tr")

    page.get_by_role("link", name="mais de 3 dias 1").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("atrasado")
    page.get_by_role("link", name="mais de 3 dias 1").click()
    expect(rows).to_have_count(2)

    page.get_by_role("searchbox").fill("BÍA")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Limpar busca e filtros").click()
    expect(rows).to_have_count(2)


@pytest.mark.django_db(transaction=True)
def test_several_cases_are_analysed_again_after_a_question(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    cases = [make_case(dentist_name=name) for name in ("Ana", "Bia", "Cora")]
    page = visit(person("brenda", "Revisores"), QUEUE)
    button = page.get_by_role("button", name="Analisar novamente…")
    expect(button).to_be_hidden()

    page.locator("tr", has_text="Ana").get_by_role("checkbox").check()
    page.locator("tr", has_text="Cora").get_by_role("checkbox").check()
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Analisar 2 casos novamente?")
    assert not CaseEvent.objects.filter(kind="analysis_requested").exists()
    page.get_by_role("button", name="Analisar 2 casos novamente").click()

    expect(page.get_by_text("2 casos estão sendo analisados novamente.")).to_be_visible()
    asked = CaseEvent.objects.filter(kind="analysis_requested").values_list("case", flat=True)
    assert sorted(asked) == [cases[0].pk, cases[2].pk]


def arrive(case: Case) -> None:
    """The case has been analysed: it waits from now on."""
    Case.objects.filter(pk=case.pk).update(state="pending")
    record(case, CaseEvent.Kind.ANALYZED)


def look_again(page: Page) -> None:
    """The window comes to the front: the page asks at once, as it does every few seconds."""
    with page.expect_response("**/news/**"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.django_db(transaction=True)
def test_new_cases_are_told_and_shown_when_she_wants(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    make_case(dentist_name="Ana")
    coming = make_case("analyzing", dentist_name="Bia")
    page = visit(person("brenda", "Revisores"), QUEUE)
    button = page.get_by_role("button", name="1 caso novo")
    page.locator("tr", has_text="Ana").get_by_role("checkbox").check()
    look_again(page)
    expect(button).to_be_hidden()

    arrive(coming)
    look_again(page)

    expect(button).to_be_visible()
    expect(page.locator("tr", has_text="Ana").get_by_role("checkbox")).to_be_checked()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    button.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)


@pytest.mark.django_db(transaction=True)
def test_an_empty_queue_shows_new_cases_by_itself_unless_she_types(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    coming = make_case("analyzing", dentist_name="Bia")
    page = visit(person("brenda", "Revisores"), QUEUE)
    page.get_by_role("searchbox").fill("An")
    arrive(coming)
    look_again(page)
    expect(page.get_by_role("button", name="1 caso novo")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("An")

    page.get_by_role("searchbox").fill("")
    page.get_by_role("searchbox").blur()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("link", name="Bia")).to_be_visible()
