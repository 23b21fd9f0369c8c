"""Implants marked on the film, as a reviewer does it with mouse, fingers and keys."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Locator, Page, expect

from cases import claims, regions
from cases.finding_search import search_finding
from cases.models import Case, Finding
from implants.models import Encoder
from tests.browser.test_loop import fill_in_the_form, log_in, open_the_submission
from tests.cases.browser.marked import MARK, Fingers, marked_film, middle, seen_mark, set_film
from tests.people import person
from tests.sandbox.process import wait_for
from tests.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)
Visit = Callable[..., Page]
BOX = [0.25, 0.25, 0.25, 0.5]
SOON = 10_000


@pytest.fixture
def brenda(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def case(make_case: Callable[..., Case], media: Path) -> Case:
    """A waiting case with the film that has a red spot."""
    case = make_case()
    set_film(case.images.get(), marked_film())
    return case


@pytest.fixture
def marked(case: Case, brenda: User) -> Finding:
    """Its implant, marked already."""
    finding = case.findings.get()
    regions.set_region(finding, brenda, image_id=case.images.get().pk, region=BOX)
    return finding


@pytest.fixture
def tablet(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1024, "height": 768}, locale="pt-BR", has_touch=True
    )
    yield context.new_page()
    context.close()


def opened(visit: Visit, user: User, case: Case, **where: Any) -> Page:
    page = visit(user, f"/admin/cases/case/{case.pk}/change/", **where)
    expect(page.locator(".rx-film:not([hidden]) img")).to_have_js_property("complete", True)
    return page


def stage(page: Page) -> Locator:
    return page.locator("#desk [data-stage]")


def box_of(page: Page, number: int = 1) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a box on the screen."""
    found = page.locator(".rx-box .rx-box-edge").nth(number - 1).bounding_box()
    assert found
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def draw(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Mark with the mouse, and wait until the server has it."""
    with page.expect_response(lambda answer: answer.url.endswith(("/region/", "/mark/"))) as said:
        drag(page, start, end)
    assert said.value.ok


def search(page: Page) -> None:
    with page.expect_response(lambda answer: answer.url.endswith("/region/")) as said:
        page.get_by_role("button", name="Buscar nesta região").click()
    assert said.value.ok


def region(case: Case) -> list[float]:
    found = case.findings.get().region
    assert found is not None
    return found


def center(found: list[float]) -> tuple[float, float]:
    return found[0] + found[2] / 2, found[1] + found[3] / 2


def test_a_part_is_drawn_with_the_mouse_on_a_zoomed_turned_and_flipped_film(
    visit: Visit, brenda: User, case: Case
) -> None:
    page = opened(visit, brenda, case)
    expect(page.get_by_text("Marque o implante para uma busca melhor.")).to_be_visible()
    page.mouse.move(*seen_mark(stage(page)))
    page.mouse.wheel(0, -300)
    for key in ("r", "h"):
        page.keyboard.press(key)
    x, y = seen_mark(stage(page))
    page.keyboard.press("d")
    expect(page.get_by_text("Desenhe um retângulo bem justo")).to_be_visible()
    draw(page, (x - 40, y - 60), (x + 40, y + 60))

    assert center(region(case)) == pytest.approx(MARK, abs=0.01)
    _, _, width, height = region(case)
    # A quarter turn: what is upright on the screen lies on the film, whose sides are 3 to 2.
    assert width * 600 / (height * 400) == pytest.approx(120 / 80, rel=0.03)
    left, top, right, bottom = box_of(page)
    assert (left, top, right, bottom) == pytest.approx((x - 40, y - 60, x + 40, y + 60), abs=2)
    expect(page.get_by_text("Buscando na parte marcada…")).to_be_visible()
    expect(page.get_by_text("Marque o implante para uma busca melhor.")).to_have_count(0)


def test_a_box_is_moved_and_resized_by_mouse_and_searched(
    visit: Visit, brenda: User, marked: Finding
) -> None:
    page = opened(visit, brenda, marked.case)
    left, top, right, bottom = box_of(page)
    page.mouse.click(left, (top + bottom) / 2 + 20)
    drag(page, ((left + right) / 2, (top + bottom) / 2), ((left + right) / 2 + 60, bottom))
    left, top, right, bottom = box_of(page)
    drag(page, (right, bottom), (right + 30, bottom - 40))
    moved = box_of(page)
    assert moved == pytest.approx((left, top, right + 30, bottom - 40), abs=1.5)
    assert region(marked.case) == BOX
    search(page)
    now = region(marked.case)
    assert now[0] > BOX[0] and now[1] > BOX[1] and now[2] > BOX[2] and now[3] < BOX[3]
    assert box_of(page) == pytest.approx(moved, abs=1.5)


def test_a_box_never_leaves_the_film(visit: Visit, brenda: User, marked: Finding) -> None:
    page = opened(visit, brenda, marked.case)
    left, top, right, bottom = box_of(page)
    page.mouse.click(left, (top + bottom) / 2 + 20)
    drag(page, ((left + right) / 2, (top + bottom) / 2), (right + 900, top - 900))
    search(page)
    x, y, width, height = region(marked.case)
    assert (x + width, y) == pytest.approx((1, 0), abs=1e-4)
    assert (width, height) == pytest.approx((BOX[2], BOX[3]), abs=1e-3)


def test_keys_move_and_resize_a_box_and_escape_takes_it_back(
    visit: Visit, brenda: User, marked: Finding
) -> None:
    page = opened(visit, brenda, marked.case)
    page.keyboard.press("r")
    page.locator(".rx-box").focus()
    before = box_of(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    left, top, right, bottom = before
    expected = (left + 4, top + 4, right + 4, bottom + 8)
    assert box_of(page) == pytest.approx(expected, abs=1)
    page.keyboard.press("Escape")
    assert box_of(page) == pytest.approx(before, abs=1)
    page.locator(".rx-box").focus()
    page.keyboard.press("ArrowLeft")
    with page.expect_response(lambda answer: answer.url.endswith("/region/")):
        page.keyboard.press("Enter")
    assert region(marked.case) != BOX


def test_fingers_draw_a_part(visit: Visit, brenda: User, case: Case, tablet: Page) -> None:
    page = opened(visit, brenda, case, where=tablet)
    x, y = seen_mark(stage(page))
    page.get_by_role("button", name="Marcar implante").tap()
    with page.expect_response(lambda answer: answer.url.endswith("/region/")) as said:
        Fingers(page).drag(((x - 50, y - 50), (x + 50, y + 50)))
    assert said.value.ok
    assert center(region(case)) == pytest.approx(MARK, abs=0.01)
    left, top, right, bottom = box_of(page)
    page.touchscreen.tap(left, (top + bottom) / 2 + 10)
    Fingers(page).drag(((right, bottom), (right - 30, bottom - 20)))
    assert box_of(page) == pytest.approx((left, top, right - 30, bottom - 20), abs=2)


def test_a_slip_is_no_box_and_escape_puts_the_tool_away(
    visit: Visit, brenda: User, case: Case
) -> None:
    page = opened(visit, brenda, case)
    page.keyboard.press("d")
    x, y = middle(stage(page))
    drag(page, (x, y), (x + 3, y + 3))
    expect(page.get_by_text("O retângulo ficou pequeno demais.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("O retângulo ficou pequeno demais.")).to_be_hidden()
    drag(page, (x, y), (x + 90, y + 90))
    expect(page.locator(".rx-box, .rx-box-draft")).to_have_count(0)
    assert case.findings.get().region is None


def test_the_whole_film_counts_again(visit: Visit, brenda: User, marked: Finding) -> None:
    page = opened(visit, brenda, marked.case)
    page.get_by_role("button", name="Comparar a radiografia inteira").click()
    expect(page.get_by_text("Marque o implante para uma busca melhor.")).to_be_visible()
    expect(page.locator(".rx-box")).to_have_count(0)
    marked.refresh_from_db()
    assert (marked.image, marked.region) == (None, None)


def test_one_more_implant_is_marked_and_nothing_typed_is_lost(
    visit: Visit, brenda: User, marked: Finding
) -> None:
    page = opened(visit, brenda, marked.case)
    page.locator(f"[name=finding-{marked.pk}-note]").fill("O primeiro.")
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 5})
    x, y = seen_mark(stage(page))
    page.keyboard.press("d")
    draw(page, (x - 40, y - 40), (x + 40, y + 40))
    expect(page.locator(".rx-tab").nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator(".rx-box")).to_have_count(2)
    page.locator(".rx-tab").first.click()
    expect(page.locator(f"[name=finding-{marked.pk}-note]")).to_have_value("O primeiro.")
    added = marked.case.findings.last()
    assert added is not None and added.region is not None
    assert center(added.region) == pytest.approx(MARK, abs=0.02)


def test_who_has_lost_the_case_draws_nothing(visit: Visit, brenda: User, marked: Finding) -> None:
    page = opened(visit, brenda, marked.case)
    rita = person("rita", "Revisores")
    claims.take_over(marked.case, rita, holder_id=brenda.pk)
    expect(page.locator("[data-claim-notice=lost]")).to_be_visible(timeout=SOON)
    page.keyboard.press("d")
    expect(page.get_by_text("Desenhe um retângulo bem justo")).to_be_hidden()
    page.locator(".rx-box").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".rx-box-dirty")).to_have_count(0)
    expect(page.locator("[data-region-bar]")).to_be_hidden()


def test_a_refusal_is_told_and_the_box_goes_back(
    visit: Visit, brenda: User, marked: Finding
) -> None:
    page = opened(visit, brenda, marked.case)
    page.route("**/claim/", lambda route: route.abort())
    before = box_of(page)
    page.locator(".rx-box").focus()
    page.keyboard.press("ArrowRight")
    claims.take_over(marked.case, person("rita", "Revisores"), holder_id=brenda.pk)
    page.keyboard.press("Enter")
    expect(page.locator("[data-region-hint]")).to_contain_text("Rita está com o caso aberto")
    assert box_of(page) == pytest.approx(before, abs=1)


def test_new_candidates_come_in_place_and_keep_what_was_chosen(
    visit: Visit,
    brenda: User,
    case: Case,
    catalogue: Encoder,
    reference_films: list[tuple[Any, bytes]],
) -> None:
    set_film(case.images.get(), reference_films[0][1])
    finding = case.findings.get()
    search_finding(finding.pk, is_last_attempt=True)
    page = opened(visit, brenda, case)
    page.evaluate("window.isTheSamePage = true")
    first = page.locator("[data-candidates] [data-pick]").first
    chosen = first.get_attribute("value")
    first.check()
    page.locator(f"[name=finding-{finding.pk}-note]").fill("Minha nota.")
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("d")
    x, y = middle(stage(page))
    draw(page, (x - 60, y - 60), (x + 60, y + 60))
    expect(page.locator("[data-where][data-searching]")).to_have_count(1)
    search_finding(finding.pk, is_last_attempt=True)
    expect(page.locator("[data-where][data-searching]")).to_have_count(0, timeout=SOON)
    names = page.locator("[data-candidates] .rx-card-name strong").all_inner_texts()
    latest = finding.searches.last()
    assert latest is not None and latest.region
    assert names == [row.implant.name for row in latest.results.order_by("rank")[:3]]
    kept = page.locator(f"[name=finding-{finding.pk}-pick]:checked")
    other = page.locator(f"[name=finding-{finding.pk}-other]")
    assert kept.input_value() == chosen or (
        kept.input_value() == "other" and other.input_value() == chosen
    )
    expect(page.locator(f"[name=finding-{finding.pk}-note]")).to_have_value("Minha nota.")
    assert page.evaluate("window.isTheSamePage") is True


def test_a_removed_implant_ends_the_wait(
    visit: Visit, brenda: User, marked: Finding, make_case: Any
) -> None:
    page = opened(visit, brenda, marked.case)
    expect(page.get_by_text("Buscando na parte marcada…")).to_be_visible()
    Finding.objects.create(case=marked.case)
    Finding.objects.filter(pk=marked.pk).delete()
    expect(page.get_by_text("Buscando na parte marcada…")).to_have_count(0, timeout=SOON)


def test_the_real_worker_brings_candidates_of_the_marked_part(page: Page, stack: Stack) -> None:
    fill_in_the_form(page, stack)
    pk = stack.pending(open_the_submission(page))
    log_in(page, stack)

    def kinds() -> list[str]:
        events = "SELECT kind FROM case_events WHERE case_id = %s ORDER BY id"
        return [kind for (kind,) in stack.sql(events, pk)]

    page.goto(f"{stack.url}/admin/cases/case/{pk}/change/")
    expect(page.locator(".rx-film:not([hidden]) img")).to_have_js_property("complete", True)
    page.evaluate("window.isTheSamePage = true")
    page.keyboard.press("d")
    x, y = middle(stage(page))
    draw(page, (x - 60, y - 120), (x + 60, y + 120))
    # The page is told of the search a moment after the answer that `draw` waits for.
    wait_for(lambda: kinds()[-2:] == ["search_requested", "searched"], 30)
    expect(page.locator("[data-where][data-searching]")).to_have_count(0, timeout=SOON)
    expect(page.locator(".rx-card")).to_have_count(3)
    expect(page.get_by_text("Marcado na radiografia")).to_be_visible()
    assert page.evaluate("window.isTheSamePage") is True
    assert stack.sql("SELECT 1 FROM searches WHERE region IS NOT NULL")
