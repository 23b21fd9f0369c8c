"""Deciding by keys alone: three presses for a clear case, and no final act on one stray key."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from cases.models import Case, Finding
from implants.models import Implant

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/cases/case/{}/change/"


class Keyboard:
    """Presses keys and counts them."""

    def __init__(self, page: Page) -> None:
        self.page, self.presses = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.presses += 1


@pytest.fixture
def at(visit: Callable[..., Page], reviewer: User) -> Callable[[Case], Page]:
    """Brenda's window on the page of a case."""

    def open_page(case: Case) -> Page:
        page = visit(reviewer, PAGE.format(case.pk))
        expect(page.locator("#desk")).to_be_visible()
        return page

    return open_page


def armed(page: Page, what: str) -> None:
    """The dialog of a decision is open and would do it."""
    expect(page.locator(f"#arm-{what}")).to_be_visible()
    expect(page.locator(f"#arm-{what} [data-confirm]")).to_be_enabled()


def test_a_clear_case_takes_three_presses_and_no_mouse(
    at: Callable[[Case], Page], clear_case: Callable[..., Case], implants: list[Implant]
) -> None:
    case, following = clear_case(), clear_case()
    page = at(case)
    keys = Keyboard(page)

    keys.press("1", "a")
    armed(page, "approve")
    keys.press("Enter")

    page.wait_for_url(f"**{PAGE.format(following.pk)}")
    case.refresh_from_db()
    assert keys.presses == 3
    assert (case.state, case.findings.get().implant) == ("approved", implants[0])
    assert case.findings.get().verdict == "identified"


def test_no_stray_key_decides(at: Callable[[Case], Page], clear_case: Callable[..., Case]) -> None:
    case = clear_case()
    page = at(case)
    keys = Keyboard(page)
    keys.press("2", "a")
    armed(page, "approve")

    keys.press("a", "x", "p", "1", "m", "j", "b", "z")
    armed(page, "approve")
    assert page.locator("dialog:modal").count() == 1
    keys.press("Escape")

    expect(page.locator("#arm-approve")).to_be_hidden()
    keys.press("Enter")
    case.refresh_from_db()
    assert case.state == "pending"
    expect(page.locator(".rx-card :checked")).to_have_count(1)
    assert page.url.endswith(PAGE.format(case.pk))


@pytest.mark.parametrize(
    ("keys", "verdict", "place"),
    [
        ("2", "identified", 1),
        ("3u", "probable", 2),
        ("u3", "probable", 2),
        ("1uu", "identified", 0),
        ("1n", "not_in_catalogue", None),
        ("1m", "not_identifiable", None),
        ("m2", "identified", 1),
    ],
)
def test_keys_say_what_the_implant_is(
    at: Callable[[Case], Page], clear_case: Callable[..., Case], implants: list[Implant],
    keys: str, verdict: str, place: int | None,
) -> None:  # fmt: skip
    case = clear_case()
    page = at(case)
    Keyboard(page).press(*keys)
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
    finding = case.findings.get()
    chosen = None if place is None else implants[place]
    assert (finding.verdict, finding.implant) == (verdict, chosen)


def test_typing_in_a_field_is_no_key(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    page = at(clear_case())
    page.get_by_label("Observação para o dentista").click()
    page.keyboard.type("a 1 x n")
    expect(page.locator("dialog:modal")).to_have_count(0)
    expect(page.locator(".rx-card :checked")).to_have_count(0)


def test_any_implant_is_found_without_accents_and_without_the_mouse(
    at: Callable[[Case], Page], clear_case: Callable[..., Case], implants: list[Implant]
) -> None:
    Implant.objects.filter(pk=implants[3].pk).update(aliases=["Cônico Plus"])
    case = clear_case()
    page = at(case)
    keys = Keyboard(page)
    keys.press("b")
    expect(page.get_by_role("option")).to_have_count(4)
    page.keyboard.type("conico NEO")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.type(" nada")
    expect(page.get_by_text("Nenhum implante do catálogo tem essas palavras.")).to_be_visible()
    for _ in " nada":
        keys.press("Backspace")
    keys.press("Enter")
    expect(page.get_by_label("Neodent Alvim CM")).to_be_checked()
    keys.press("a")
    armed(page, "approve")
    keys.press("Enter")
    page.wait_for_url("**/admin/cases/case/")
    finding = Finding.objects.get(case=case)
    assert (finding.verdict, finding.implant) == ("identified", implants[3])


def test_arrows_choose_among_what_was_found(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    page = at(clear_case())
    keys = Keyboard(page)
    keys.press("b")
    expect(page.get_by_role("option")).to_have_count(4)
    keys.press("ArrowDown", "ArrowDown", "ArrowUp")
    second = page.get_by_role("option").nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    name = second.locator("strong").inner_text()
    keys.press("Enter")
    expect(page.locator(".rx-card:has(:checked) strong")).to_have_text(name)


def test_rejecting_asks_for_the_reason_by_number(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    case = clear_case()
    page = at(case)
    keys = Keyboard(page)
    keys.press("x")
    expect(page.locator("#arm-reject [data-confirm]")).to_be_disabled()
    keys.press("4")
    expect(page.locator("#arm-reject [data-confirm]")).to_be_disabled()
    keys.press("1")
    armed(page, "reject")
    keys.press("t")
    page.keyboard.type("O ápice está cortado.")
    expect(page.locator("[name=rejection-answer-text]")).to_have_value(
        re.compile("O ápice está cortado.")
    )
    keys.press("Control+Enter")
    page.wait_for_url("**/admin/cases/case/")
    case.refresh_from_db()
    assert (case.state, case.rejection_reason) == ("rejected", "new_film_needed")
    assert "O ápice está cortado." in case.deliveries.get().text


def test_arrows_choose_the_reason_too(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    case = clear_case()
    page = at(case)
    Keyboard(page).press("x", "ArrowDown", "ArrowDown")
    armed(page, "reject")
    Keyboard(page).press("Enter")
    page.wait_for_url("**/admin/cases/case/")
    case.refresh_from_db()
    assert (case.state, case.rejection_reason) == ("rejected", "duplicate")


def test_putting_off_asks_until_when(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    case, following = clear_case(), clear_case()
    page = at(case)
    Keyboard(page).press("p", "3")
    armed(page, "postpone")
    case.refresh_from_db()
    assert case.postponed_until is None
    Keyboard(page).press("Enter")
    page.wait_for_url(f"**{PAGE.format(following.pk)}")
    case.refresh_from_db()
    assert case.is_postponed


def test_next_and_previous_take_what_was_filled_in_along(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    first, second, third = clear_case(), clear_case(), clear_case()
    page = at(second)
    Keyboard(page).press("2", "j")
    page.wait_for_url(f"**{PAGE.format(third.pk)}")
    assert second.findings.get().verdict == "identified"
    Keyboard(page).press("k")
    page.wait_for_url(f"**{PAGE.format(second.pk)}")
    expect(page.locator(".rx-card :checked")).to_have_count(1)
    Keyboard(page).press("k")
    page.wait_for_url(f"**{PAGE.format(first.pk)}")


def test_with_two_implants_a_choice_goes_on_to_the_next(
    at: Callable[[Case], Page], clear_case: Callable[..., Case], implants: list[Implant]
) -> None:
    case = clear_case(findings=2)
    page = at(case)
    keys, tabs = Keyboard(page), page.locator("[data-tab]")
    expect(tabs.nth(0)).to_have_attribute("aria-current", "true")
    expect(page.locator(".rx-finding:visible")).to_have_count(1)

    keys.press("1")
    expect(tabs.nth(1)).to_have_attribute("aria-current", "true")
    keys.press("2")
    expect(tabs.nth(1)).to_have_attribute("aria-current", "true")
    keys.press("[", "u")
    expect(tabs.nth(0)).to_have_attribute("aria-current", "true")
    keys.press("a")
    armed(page, "approve")
    keys.press("Enter")

    page.wait_for_url("**/admin/cases/case/")
    said = [(finding.verdict, finding.implant) for finding in case.findings.all()]
    assert said == [("probable", implants[0]), ("identified", implants[1])]


def test_two_implants_by_mouse(at: Callable[[Case], Page], clear_case: Callable[..., Case]) -> None:
    page = at(clear_case(findings=2))
    tabs = page.locator("[data-tab]")
    page.locator(".rx-finding:visible .rx-card-pick").first.click()
    expect(tabs.nth(1)).to_have_attribute("aria-current", "true")
    tabs.nth(0).click()
    expect(page.locator(".rx-finding:visible .rx-card :checked")).to_have_count(1)


def test_approving_too_early_says_what_is_missing(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    case = clear_case(findings=2)
    page = at(case)
    Keyboard(page).press("1", "a")
    expect(page.locator("#arm-approve")).to_contain_text("Implante 2: Escolha um implante")
    expect(page.locator("#arm-approve [data-confirm]")).to_be_disabled()
    Keyboard(page).press("Enter")
    case.refresh_from_db()
    assert case.state == "pending"


def test_the_help_shows_every_key(
    at: Callable[[Case], Page], clear_case: Callable[..., Case]
) -> None:
    page = at(clear_case())
    Keyboard(page).press("?")
    dialog = page.locator("#help")
    expect(dialog).to_be_visible()
    keys = dialog.locator("kbd").all_inner_texts()
    for key in ["1", "2", "3", "n", "u", "m", "b", "a", "x", "p", "?"]:
        assert key in keys, key
    row = dialog.locator("dl > div", has_text="escolher o candidato")
    assert row.locator("kbd").all_inner_texts() == ["1", "2", "3"]
    Keyboard(page).press("Escape")
    expect(dialog).to_be_hidden()
