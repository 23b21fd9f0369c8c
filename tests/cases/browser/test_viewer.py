"""The viewer of radiographs, as a reviewer uses it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from cases.models import Case, CaseImage
from tests.cases.browser.marked import (
    MARK,
    Fingers,
    mark_width,
    marked_film,
    middle,
    seen,
    seen_mark,
    set_film,
)
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)

VIEWER = """async (act) => {
  const { viewerOf } = await import("/static/cases/viewer.js");
  return %s(viewerOf(document.querySelector("[data-viewer]")), act);
}"""


@pytest.fixture
def case(make_case: Callable[..., Case], media: Path) -> Case:
    """A waiting case with the marked film."""
    case = make_case()
    set_film(case.images.get(), marked_film())
    return case


@pytest.fixture
def open_case(case: Case, visit: Callable[..., Page]) -> Page:
    """The page of the case before Brenda, with its film on the screen."""
    return opened(visit(person("brenda", "Revisores"), f"/admin/cases/case/{case.pk}/change/"))


def opened(page: Page) -> Page:
    expect(page.locator(".rx-film:not([hidden]) img")).to_have_js_property("complete", True)
    return settled(page)


def until(page: Page, expression: str) -> None:
    """Wait until it is true; Playwright's own waiting needs eval, which the policy forbids."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def settled(page: Page) -> Page:
    """The page after the next frame of the screen."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return page


def stage(page: Page) -> Locator:
    return page.locator("#desk [data-stage]")


def ask(page: Page, function: str, *arguments: Any) -> Any:
    """What a function of the page's viewer answers: JavaScript, `(viewer, arguments) => …`."""
    return page.evaluate(VIEWER % f"({function})", list(arguments))


def to_image(page: Page, x: float, y: float) -> tuple[float, float]:
    point = ask(page, "(viewer, [x, y]) => viewer.toImage(x, y)", x, y)
    return point["x"], point["y"]


def drag(page: Page, by: tuple[float, float], button: Any = "left") -> None:
    x, y = middle(stage(page))
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + by[0] / 2, y + by[1] / 2)
    page.mouse.move(x + by[0], y + by[1])
    page.mouse.up(button=button)
    settled(page)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    settled(page)


# --- Zoom and pan ---


def test_the_wheel_zooms_about_the_pointer(open_case: Page) -> None:
    before, width = seen_mark(stage(open_case)), mark_width(stage(open_case))
    open_case.mouse.move(*before)
    open_case.mouse.wheel(0, -500)
    settled(open_case)
    assert mark_width(stage(open_case)) > 1.8 * width
    assert seen_mark(stage(open_case)) == pytest.approx(before, abs=2)


def test_the_wheel_over_the_film_does_not_scroll_the_page(open_case: Page) -> None:
    open_case.mouse.move(*middle(stage(open_case)))
    open_case.mouse.wheel(0, 400)
    settled(open_case)
    assert open_case.evaluate("scrollY") == 0
    open_case.mouse.move(*middle(open_case.locator(".rx-findings")))
    open_case.mouse.wheel(0, 400)
    until(open_case, "scrollY > 0")


def test_plus_and_minus_zoom(open_case: Page) -> None:
    width = mark_width(stage(open_case))
    press(open_case, "+", "+")
    assert mark_width(stage(open_case)) > 1.5 * width
    press(open_case, "-", "-")
    assert mark_width(stage(open_case)) == pytest.approx(width, abs=1)


def test_plus_zooms_about_the_pointer(open_case: Page) -> None:
    before = seen_mark(stage(open_case))
    open_case.mouse.move(*before)
    press(open_case, "+", "+")
    assert seen_mark(stage(open_case)) == pytest.approx(before, abs=2)


def test_dragging_moves_the_film(open_case: Page) -> None:
    press(open_case, "+", "+", "+")
    x, y = seen_mark(stage(open_case))
    drag(open_case, (-60, 40))
    assert seen_mark(stage(open_case)) == pytest.approx((x - 60, y + 40), abs=2)


def test_a_film_that_is_seen_whole_stays_in_the_middle(open_case: Page) -> None:
    before = seen_mark(stage(open_case))
    drag(open_case, (-60, 40))
    assert seen_mark(stage(open_case)) == pytest.approx(before, abs=1)


def test_the_arrow_keys_move_the_film_in_focus(open_case: Page) -> None:
    press(open_case, "+", "+", "+")
    x, y = seen_mark(stage(open_case))
    stage(open_case).focus()
    press(open_case, "ArrowRight")
    assert seen_mark(stage(open_case)) == pytest.approx((x - 60, y), abs=2)


# --- Coordinates of the film ---


@pytest.mark.parametrize(
    "keys",
    ["", "+++", "r", "h", "rh", "hr", "+++rrr", "++hrr", "+rh"],
    ids=lambda keys: keys or "as it is",
)
def test_a_point_of_the_screen_is_a_point_of_the_film(open_case: Page, keys: str) -> None:
    press(open_case, *keys)
    if "+" in keys:
        drag(open_case, (-30, 50))
    assert to_image(open_case, *seen_mark(stage(open_case))) == pytest.approx(MARK, abs=0.004)


@pytest.mark.parametrize("keys", ["", "+rh"])
def test_the_overlay_lies_on_the_film(open_case: Page, keys: str) -> None:
    press(open_case, *keys)
    ask(
        open_case,
        """(viewer, [x, y]) => {
          const spot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
          for (const [name, value] of Object.entries({ id: "spot", cx: x, cy: y, r: 0.001 })) {
            spot.setAttribute(name, value);
          }
          viewer.overlay.append(spot);
        }""",
        *MARK,
    )
    assert middle(open_case.locator("#spot")) == pytest.approx(seen_mark(stage(open_case)), abs=2)


def test_a_quarter_turn_is_clockwise_as_it_is_seen(open_case: Page) -> None:
    """The spot is right of the middle and above; then right and below; mirrored, left and below."""
    x, y = middle(stage(open_case))
    places = []
    for key in ("", "r", "h", "r"):
        press(open_case, *key)
        spot = seen_mark(stage(open_case))
        places.append((spot[0] > x, spot[1] > y))
    assert places == [(True, False), (True, True), (False, True), (False, False)]


def test_a_tool_takes_over_dragging(open_case: Page) -> None:
    press(open_case, "+", "+")
    before = seen_mark(stage(open_case))
    ask(open_case, "(viewer) => { viewer.tool = 'region'; }")
    drag(open_case, (-60, 40))
    assert seen_mark(stage(open_case)) == pytest.approx(before, abs=1)
    open_case.mouse.wheel(0, -100)
    settled(open_case)
    assert seen_mark(stage(open_case)) != pytest.approx(before, abs=1)


# --- Brightness, contrast, inversion ---


def brightness(page: Page) -> float:
    """How bright the film is in the middle of the stage."""
    pixels = seen(stage(page))
    return float(pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].mean())


def test_dragging_with_the_right_button_changes_the_brightness(open_case: Page) -> None:
    before, spot = brightness(open_case), seen_mark(stage(open_case))
    drag(open_case, (0, -60), "right")
    assert brightness(open_case) > 1.3 * before
    drag(open_case, (0, 120), "right")
    assert brightness(open_case) < 0.8 * before
    assert seen_mark(stage(open_case)) == pytest.approx(spot, abs=1)


def test_dragging_aside_changes_the_contrast(open_case: Page) -> None:
    before = brightness(open_case)
    drag(open_case, (60, 0), "right")
    # Darker than the middle gray becomes darker still.
    assert brightness(open_case) < 0.7 * before


def test_the_button_of_levels_lets_the_left_button_change_them(open_case: Page) -> None:
    before = brightness(open_case)
    open_case.get_by_role("button", name="Brilho e contraste").click()
    drag(open_case, (0, -60))
    assert brightness(open_case) > 1.3 * before
    value = open_case.get_by_role("slider", name="Brilho").input_value()
    assert value == "30"
    press(open_case, "l")
    expect(open_case.get_by_role("slider", name="Brilho")).to_be_hidden()


def test_sliders_change_the_levels_and_are_no_edits_of_the_case(open_case: Page) -> None:
    before = brightness(open_case)
    open_case.evaluate(
        """for (const kind of ["input", "change"]) {
          desk.addEventListener(kind, () => { window.isEdited = true; });
        }"""
    )
    press(open_case, "l")
    slider = open_case.get_by_role("slider", name="Brilho")
    slider.focus()
    press(open_case, "PageUp", "PageUp", "ArrowRight")
    assert brightness(open_case) > 1.2 * before
    assert open_case.evaluate("window.isEdited") is None


def test_inverting_shows_the_negative(open_case: Page) -> None:
    before = brightness(open_case)
    press(open_case, "i")
    assert brightness(open_case) == pytest.approx(255 - before, abs=2)
    expect(open_case.get_by_role("button", name="Inverter")).to_have_attribute(
        "aria-pressed", "true"
    )
    open_case.get_by_role("button", name="Inverter").click()
    settled(open_case)
    assert brightness(open_case) == pytest.approx(before, abs=2)


def look(page: Page) -> list[float]:
    """Where the spot lies from the middle, how large it is, and how bright the film is."""
    (x, y), (left, top) = seen_mark(stage(page)), middle(stage(page))
    return [x - left, y - top, mark_width(stage(page)), brightness(page)]


def test_reset_undoes_everything(open_case: Page) -> None:
    before = look(open_case)
    press(open_case, "+", "r", "h")
    drag(open_case, (50, -50), "right")
    assert look(open_case) != pytest.approx(before, abs=2)
    press(open_case, "i", "0")
    assert look(open_case) == pytest.approx(before, abs=1)


# --- Keys ---


def test_keys_rest_while_somebody_types(open_case: Page) -> None:
    before = brightness(open_case)
    note = open_case.locator("[name$='-note']").first
    note.click()
    press(open_case, "i", "0", "r")
    assert note.input_value() == "i0r"
    assert brightness(open_case) == before


@pytest.mark.parametrize("key", ["Control+i", "Alt+i", "Meta+i"])
def test_keys_of_the_browser_stay_the_browsers(open_case: Page, key: str) -> None:
    before = brightness(open_case)
    press(open_case, key)
    assert brightness(open_case) == before


def test_keys_do_not_mind_caps_lock(open_case: Page) -> None:
    before = brightness(open_case)
    press(open_case, "I")
    assert brightness(open_case) > before


def test_every_button_has_a_name_and_says_its_key(open_case: Page) -> None:
    buttons = open_case.locator("#desk [data-tools] button").all()
    assert len(buttons) == 8
    for button in buttons:
        name, title = button.get_attribute("aria-label"), button.get_attribute("title")
        assert name
        assert title
        assert title.startswith(name)
        assert re.search(r"\(.\)", title)


# --- Full screen ---


def test_full_screen_and_back(open_case: Page) -> None:
    height = stage(open_case).bounding_box()["height"]  # type: ignore[index]
    press(open_case, "f")
    until(open_case, "document.fullscreenElement?.matches('[data-viewer]')")
    until(open_case, f"document.querySelector('[data-stage]').clientHeight > {height} + 50")
    press(open_case, "i")
    assert brightness(open_case) > 150
    press(open_case, "f")
    until(open_case, "!document.fullscreenElement")


# --- Several films ---


@pytest.fixture
def two_films(case: Case, open_case: Page) -> Page:
    """The page of a case with another film, upright, whose spot lies in the middle."""
    second = CaseImage(case=case, url="https://www.jotform.com/uploads/2.png", state="stored")
    set_film(second, marked_film((300, 700), (0.5, 0.5)))
    open_case.reload()
    return opened(open_case)


def test_films_are_tabs(two_films: Page) -> None:
    tabs = two_films.get_by_role("tab")
    expect(tabs).to_have_count(2)
    expect(tabs.first).to_have_attribute("aria-selected", "true")
    tabs.nth(1).click()
    opened(two_films)
    assert seen_mark(stage(two_films)) == pytest.approx(middle(stage(two_films)), abs=2)
    assert to_image(two_films, *seen_mark(stage(two_films))) == pytest.approx((0.5, 0.5), abs=0.01)


def test_arrow_keys_go_through_the_tabs(two_films: Page) -> None:
    tabs = two_films.get_by_role("tab")
    tabs.first.focus()
    for selected in (1, 0, 1):
        press(two_films, "ArrowRight")
        expect(tabs.nth(selected)).to_be_focused()
        expect(tabs.nth(selected)).to_have_attribute("aria-selected", "true")
    press(two_films, "ArrowLeft")
    expect(tabs.first).to_be_focused()


def test_each_film_keeps_its_own_view(two_films: Page) -> None:
    before = seen_mark(stage(two_films))
    tabs = two_films.get_by_role("tab")
    tabs.nth(1).click()
    opened(two_films)
    press(two_films, "r", "+", "+")
    tabs.first.click()
    settled(two_films)
    assert seen_mark(stage(two_films)) == pytest.approx(before, abs=1)


def test_others_are_told_of_another_film_and_another_view(two_films: Page, case: Case) -> None:
    two_films.evaluate(
        """() => {
          window.told = [];
          const viewer = document.querySelector("[data-viewer]");
          for (const kind of ["rx:image", "rx:view"]) {
            viewer.addEventListener(kind, ({ detail }) => told.push([kind, detail?.zoom ?? null]));
          }
        }"""
    )
    press(two_films, "+")
    two_films.get_by_role("tab").nth(1).click()
    opened(two_films)
    kinds = two_films.evaluate("told.map(([kind]) => kind)")
    assert kinds[0] == "rx:view"
    assert "rx:image" in kinds
    assert two_films.evaluate("told[0][1]") == pytest.approx(1.3)
    shown = ask(two_films, "(viewer) => viewer.imageId")
    assert shown == str(case.images.last().pk)  # type: ignore[union-attr]


def test_a_film_that_is_gone_says_so(
    make_case: Callable[..., Case], media: Path, visit: Callable[..., Page]
) -> None:
    page = visit(person("brenda", "Revisores"), f"/admin/cases/case/{make_case().pk}/change/")
    expect(page.get_by_text("Não foi possível carregar a radiografia.")).to_be_visible()


# --- Touch ---


@pytest.fixture
def by_touch(case: Case, visit: Callable[..., Page], tablet: Page) -> Page:
    """The page of the case on a tablet."""
    path = f"/admin/cases/case/{case.pk}/change/"
    return opened(visit(person("brenda", "Revisores"), path, where=tablet))


def test_two_fingers_zoom(by_touch: Page) -> None:
    width = mark_width(stage(by_touch))
    x, y = middle(stage(by_touch))
    Fingers(by_touch).drag(((x - 40, y), (x - 80, y)), ((x + 40, y), (x + 80, y)))
    settled(by_touch)
    assert mark_width(stage(by_touch)) == pytest.approx(2 * width, abs=2)


def test_one_finger_moves_the_film_and_not_the_page(by_touch: Page) -> None:
    press(by_touch, "+", "+", "+")
    before = seen_mark(stage(by_touch))
    x, y = middle(stage(by_touch))
    Fingers(by_touch).drag(((x, y), (x, y - 50)))
    settled(by_touch)
    assert seen_mark(stage(by_touch)) == pytest.approx((before[0], before[1] - 50), abs=2)
    assert by_touch.evaluate("scrollY") == 0


def test_one_finger_changes_the_brightness_in_the_mode_of_levels(by_touch: Page) -> None:
    before = brightness(by_touch)
    by_touch.get_by_role("button", name=re.compile("Brilho|Brightness")).tap()
    x, y = middle(stage(by_touch))
    Fingers(by_touch).drag(((x, y), (x, y - 60)))
    settled(by_touch)
    assert brightness(by_touch) > 1.3 * before


# --- What a reload must not lose ---


def test_the_view_survives_sending_the_form(open_case: Page) -> None:
    press(open_case, "+", "+", "r")
    drag(open_case, (30, -20), "right")
    before = look(open_case)
    press(open_case, "i")
    with open_case.expect_navigation():
        open_case.get_by_role("button", name="Analisar novamente").first.click()
    opened(open_case)
    assert brightness(open_case) > 150 > before[-1]
    press(open_case, "i")
    assert look(open_case) == pytest.approx(before, abs=2)


def test_another_case_begins_anew(
    open_case: Page, make_case: Callable[..., Case], case: Case
) -> None:
    before = look(open_case)
    press(open_case, "+", "+", "r")
    other = make_case()
    set_film(other.images.get(), marked_film())
    home = open_case.url
    open_case.goto(home.replace(f"/{case.pk}/", f"/{other.pk}/"))
    assert look(opened(open_case)) == pytest.approx(before, abs=2)
    open_case.goto(home)
    assert look(opened(open_case)) == pytest.approx(before, abs=2)
