"""Film and reference side by side, as a reviewer compares them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from cases.models import Case, CaseImage, Finding, Result, Search
from implants.catalogue import add_reference
from implants.models import Implant, ReferenceImage
from tests.cases.browser.marked import (
    MARK,
    WHITE,
    Fingers,
    mark_width,
    marked_film,
    middle,
    seen_mark,
    set_film,
)
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)

MIDDLE = (0.5, 0.5)


def reference(implant: Implant, mark: tuple[float, float], side: int) -> ReferenceImage:
    """A square reference of `implant` with the spot at `mark`; no two of the same side."""
    return add_reference(implant, marked_film((side, side), mark, WHITE)).reference


@pytest.fixture
def case(
    make_case: Callable[..., Case],
    implants: list[Implant],
    add_search: Callable[..., Search],
    media: Path,
) -> Case:
    """A case with three candidates; the first has three references, its second was found."""
    case = make_case()
    set_film(case.images.get(), marked_film())
    best = [reference(implants[0], MIDDLE, side) for side in (400, 420, 440)][1]
    others = [reference(implant, MARK, 460) for implant in implants[1:3]]
    pairs = zip(implants[:3], (0.9, 0.8, 0.7), strict=True)
    search = add_search(case.findings.get(), case.images.get(), *pairs)
    for result, film in zip(search.results.all(), (best, *others), strict=True):
        Result.objects.filter(pk=result.pk).update(reference=film)
    return case


@pytest.fixture
def open_case(case: Case, visit: Callable[..., Page]) -> Page:
    """The page of the case before Brenda."""
    page = visit(person("brenda", "Revisores"), f"/admin/cases/case/{case.pk}/change/")
    expect(page.locator("#desk .rx-film img")).to_have_js_property("complete", True)
    return page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def settled(page: Page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def cards(page: Page) -> Locator:
    """The films of the candidates."""
    return page.locator(".rx-card-film[data-compare]")


def film(page: Page) -> Locator:
    return page.locator("#compare [data-side=film] [data-stage]")


def shown(page: Page) -> Locator:
    return page.locator("#compare [data-side=reference] [data-stage]")


def compared(page: Page, name: str, count: str) -> None:
    """Wait until this reference of this implant is seen."""
    title = page.locator("#compare [data-side=reference] h3")
    expect(title).to_contain_text(name)
    expect(title).to_contain_text(count)
    picture = page.locator("#compare [data-side=reference] .rx-film:not([hidden]) img")
    expect(picture).to_have_js_property("complete", True)
    settled(page)


def off_middle(stage: Locator) -> tuple[float, float]:
    """How far the spot is seen from the middle of its stage."""
    (x, y), (left, top) = seen_mark(stage), middle(stage)
    return x - left, y - top


# --- Open and close ---


def test_a_click_on_a_reference_compares_it_and_chooses_nothing(open_case: Page) -> None:
    cards(open_case).first.click()
    compared(open_case, "Neodent Drive CM", "referência 2 de 3")
    assert off_middle(shown(open_case)) == pytest.approx((0, 0), abs=2)
    assert off_middle(film(open_case))[0] > 50
    expect(open_case.locator("#desk [data-pick]:checked")).to_have_value("")


def test_escape_closes_and_the_focus_returns(open_case: Page) -> None:
    trigger = cards(open_case).nth(1)
    trigger.focus()
    press(open_case, "Enter")
    expect(open_case.locator("#compare")).to_be_visible()
    press(open_case, "Escape")
    expect(open_case.locator("#compare")).to_be_hidden()
    expect(trigger).to_be_focused()


def test_space_compares_the_first_candidate_then_its_other_references(open_case: Page) -> None:
    press(open_case, " ")
    for count in ("2 de 3", "3 de 3", "1 de 3", "2 de 3"):
        compared(open_case, "Neodent Drive CM", f"referência {count}")
        press(open_case, " ")


def test_space_compares_the_chosen_candidate(open_case: Page) -> None:
    press(open_case, "2", " ")
    compared(open_case, "Neodent Grand Morse Helix", "referência 1 de 1")


def test_space_compares_the_candidate_in_focus_rather_than_the_chosen(open_case: Page) -> None:
    press(open_case, "2")
    open_case.locator(".rx-card [data-pick]").nth(2).focus()
    press(open_case, " ")
    compared(open_case, "Neodent Titamax HE", "referência 1 de 1")


def test_space_in_a_text_is_a_space(open_case: Page) -> None:
    note = open_case.locator("#desk textarea:visible").first
    note.click()
    press(open_case, "a", " ", "b")
    assert note.input_value() == "a b"
    expect(open_case.locator("#compare")).to_be_hidden()


# --- Other references and candidates ---


def test_arrows_go_through_the_references_and_numbers_through_the_candidates(
    open_case: Page,
) -> None:
    press(open_case, " ", "ArrowRight")
    compared(open_case, "Neodent Drive CM", "referência 3 de 3")
    press(open_case, "ArrowLeft", "ArrowLeft")
    compared(open_case, "Neodent Drive CM", "referência 1 de 3")
    press(open_case, "3")
    compared(open_case, "Neodent Titamax HE", "referência 1 de 1")
    assert off_middle(shown(open_case))[0] > 50
    pressed = open_case.locator("#compare [data-candidate][aria-pressed=true]")
    expect(pressed).to_contain_text("Titamax HE")
    expect(open_case.locator("#desk [data-pick]:checked")).to_have_value("")


def test_everything_goes_by_mouse_too(open_case: Page) -> None:
    cards(open_case).first.click()
    dialog = open_case.get_by_role("dialog")
    dialog.get_by_role("button", name="Próxima referência").click()
    compared(open_case, "Neodent Drive CM", "referência 3 de 3")
    dialog.get_by_role("button", name="Grand Morse Helix").click()
    compared(open_case, "Neodent Grand Morse Helix", "referência 1 de 1")
    dialog.get_by_role("button", name="Fechar").click()
    expect(open_case.locator("#compare")).to_be_hidden()


def test_the_compared_implant_is_chosen_by_a_button(open_case: Page) -> None:
    press(open_case, " ", "2")
    compared(open_case, "Neodent Grand Morse Helix", "referência 1 de 1")
    open_case.get_by_role("button", name="Escolher este implante").click()
    expect(open_case.locator("#compare")).to_be_hidden()
    radio = open_case.locator("#desk [data-pick]:checked")
    expect(radio).to_have_value(str(Implant.objects.get(name="Grand Morse Helix").pk))


def test_references_that_cannot_be_had_are_said(open_case: Page) -> None:
    Implant.objects.filter(name="Alvim CM").delete()
    open_case.route("**/files/implants/*/references", lambda route: route.abort())
    press(open_case, " ")
    expect(open_case.get_by_text("Não foi possível carregar as referências.")).to_be_visible()
    open_case.unroute("**/files/implants/*/references")
    press(open_case, "Escape", " ")
    compared(open_case, "Neodent Drive CM", "referência 2 de 3")
    expect(open_case.get_by_text("Não foi possível carregar as referências.")).to_be_hidden()


# --- Zoom and pan together ---


def widths(page: Page) -> tuple[int, int]:
    return mark_width(film(page)), mark_width(shown(page))


def test_zooming_one_side_zooms_the_other(open_case: Page) -> None:
    press(open_case, " ", "3")
    compared(open_case, "Neodent Titamax HE", "referência 1 de 1")
    before = widths(open_case)
    open_case.mouse.move(*middle(film(open_case)))
    open_case.mouse.wheel(0, -300)
    settled(open_case)
    after = widths(open_case)
    assert after[0] > 1.4 * before[0]
    assert after[1] / before[1] == pytest.approx(after[0] / before[0], rel=0.1)


def test_moving_one_side_moves_the_other(open_case: Page) -> None:
    press(open_case, " ", "3")
    compared(open_case, "Neodent Titamax HE", "referência 1 de 1")
    open_case.mouse.move(*middle(shown(open_case)))
    open_case.mouse.wheel(0, -300)
    settled(open_case)
    before = off_middle(film(open_case)), off_middle(shown(open_case))
    x, y = middle(shown(open_case))
    open_case.mouse.down()
    open_case.mouse.move(x - 40, y + 30)
    open_case.mouse.up()
    settled(open_case)
    after = off_middle(film(open_case)), off_middle(shown(open_case))
    for was, now in zip(before, after, strict=True):
        assert (now[0] - was[0], now[1] - was[1]) == pytest.approx((-40, 30), abs=2)


def test_sides_can_be_unlinked(open_case: Page) -> None:
    press(open_case, " ")
    compared(open_case, "Neodent Drive CM", "referência 2 de 3")
    before = widths(open_case)
    link = open_case.get_by_role("button", name="Mover juntas")
    expect(link).to_have_attribute("aria-pressed", "true")
    link.click()
    expect(link).to_have_attribute("aria-pressed", "false")
    open_case.mouse.move(*middle(shown(open_case)))
    open_case.mouse.wheel(0, -300)
    settled(open_case)
    assert widths(open_case)[0] == before[0]
    assert widths(open_case)[1] > 1.4 * before[1]
    press(open_case, "v")
    expect(link).to_have_attribute("aria-pressed", "true")


def test_two_fingers_zoom_both_sides(
    case: Case, open_case: Page, visit: Callable[..., Page], tablet: Page
) -> None:
    page = visit(person("rita", "Revisores"), f"/admin/cases/case/{case.pk}/change/", where=tablet)
    cards(page).nth(2).tap()
    expect(page.locator("#compare")).to_be_visible()
    page.wait_for_load_state("networkidle")
    settled(page)
    before = widths(page)
    x, y = middle(film(page))
    Fingers(page).drag(((x - 40, y), (x - 70, y)), ((x + 40, y), (x + 70, y)))
    settled(page)
    assert widths(page)[0] > 1.5 * before[0]
    assert widths(page)[1] > 1.5 * before[1]


def test_keys_turn_the_side_under_the_pointer_alone(open_case: Page) -> None:
    press(open_case, " ", "3")
    compared(open_case, "Neodent Titamax HE", "referência 1 de 1")
    before = off_middle(film(open_case)), off_middle(shown(open_case))
    open_case.mouse.move(*middle(shown(open_case)))
    press(open_case, "h")
    (x, y), reference_spot = off_middle(film(open_case)), off_middle(shown(open_case))
    assert (x, y) == pytest.approx(before[0], abs=1)
    assert reference_spot == pytest.approx((-before[1][0], before[1][1]), abs=1)
    inverted = open_case.locator("#compare [data-act=invert][aria-pressed=true]")
    press(open_case, "i")
    expect(inverted).to_have_count(1)
    open_case.mouse.move(*middle(film(open_case)))
    press(open_case, "i")
    expect(inverted).to_have_count(2)


def test_keys_of_the_page_rest_behind_the_comparison(open_case: Page) -> None:
    press(open_case, " ", "i", "a", "n", "2")
    expect(open_case.get_by_role("dialog")).to_have_count(1)
    press(open_case, "Escape")
    expect(open_case.locator("#desk [data-act=invert]")).to_have_attribute("aria-pressed", "false")
    expect(open_case.locator("#desk [data-pick]:checked")).to_have_value("")


# --- What is seen first ---


def test_both_sides_begin_with_what_was_compared(open_case: Page, case: Case) -> None:
    """The spot lies in the middle of both regions, and they are seen large."""
    image = case.images.get()
    x, y = MARK
    region = [x - 0.1, y - 0.15, 0.2, 0.3]
    Finding.objects.update(image=image, region=region)
    Search.objects.update(region=region)
    ReferenceImage.objects.update(region=[0.35, 0.3, 0.3, 0.4])
    open_case.reload()
    press(open_case, " ")
    compared(open_case, "Neodent Drive CM", "referência 2 de 3")
    for stage in (film(open_case), shown(open_case)):
        assert off_middle(stage) == pytest.approx((0, 0), abs=3)
        assert mark_width(stage) > 20


def test_the_film_begins_as_it_was_being_looked_at(open_case: Page, case: Case) -> None:
    second = CaseImage(case=case, url="https://www.jotform.com/uploads/2.png", state="stored")
    set_film(second, marked_film((300, 700), MIDDLE))
    open_case.reload()
    open_case.get_by_role("tab").nth(1).click()
    press(open_case, "+", "+", " ")
    compared(open_case, "Neodent Drive CM", "referência 2 de 3")
    assert off_middle(film(open_case)) == pytest.approx((0, 0), abs=2)
    before = mark_width(film(open_case))
    press(open_case, "Escape", "0", " ")
    settled(open_case)
    assert mark_width(film(open_case)) < before


def test_a_demo_implant_is_named_without_its_badge(open_case: Page) -> None:
    Implant.objects.update(is_demo=True)
    open_case.reload()
    press(open_case, " ")
    first = open_case.locator("#compare [data-part=candidates] button").first
    expect(first).to_have_text(re.compile(r"^\s*1\s+Neodent Drive CM\s*$"))
