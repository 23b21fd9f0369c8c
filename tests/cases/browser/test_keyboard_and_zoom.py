"""From the keyboard one always sees where one is, and at 200 % nothing is cut off."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize

from tests.cases.world import World

pytestmark = pytest.mark.django_db(transaction=True)
Visit = Callable[..., Page]

# 1440 pixels at 200 %.
ZOOMED = ViewportSize(width=720, height=450)
# What the element that has the focus looks like, and again without it.
FOCUS = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return null;
  const look = (element) => {
    const style = getComputedStyle(element);
    return [style.outlineStyle + style.outlineWidth + style.outlineColor, style.boxShadow,
            style.borderColor, style.backgroundColor, style.textDecorationLine, style.color];
  };
  const near = [here, here.closest("label"), ...(here.labels ?? []),
    ...[...(here.labels ?? [])].flatMap((label) => [...label.children])].filter(Boolean);
  const name = here.outerHTML.slice(0, 160);
  const box = here.getBoundingClientRect();
  const focused = near.map(look).join();
  here.blur();
  const plain = near.map(look).join();
  here.focus({ focusVisible: true, preventScroll: true });
  return { name, shows: focused !== plain, width: box.width, height: box.height };
}"""
CUT = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const scrolls = (element) => {
    for (let up = element.parentElement; up; up = up.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(up).overflowX)) return true;
    }
    return false;
  };
  const cut = [...document.querySelectorAll("a, button, input, select, textarea, summary")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .filter((element) => !element.closest("[aria-hidden=true], .select2-hidden-accessible"))
    .filter((element) => {
      const box = element.getBoundingClientRect();
      const beyond = box.right > document.documentElement.clientWidth + 1 || box.left < -1;
      return box.width > 1 && beyond && !scrolls(element);
    });
  return { wide, cut: cut.map((element) => element.outerHTML.slice(0, 120)) };
}"""


def main_pages(world: World) -> dict[str, str]:
    """Where people work."""
    names = ("index", "quality", "preferences", "help", "implants_referenceimage_suspects")
    others = world.other_paths()
    models = world.paths()
    case = world.cases["waiting"].pk
    return {
        **{name: others[name] for name in names},
        "queue": reverse("admin:cases_case_changelist"),
        "case": reverse("admin:cases_case_change", args=[case]),
        "decided case": reverse("admin:cases_case_change", args=[world.cases["changed"].pk]),
        "implants": models["implants_implant_changelist"],
        "upload desk": models["implants_implant_change"],
    }


def test_the_focus_is_always_seen(visit: Visit, world: World) -> None:
    pages = main_pages(world)
    page = visit(world.visitor, pages["queue"])
    base = page.url.removesuffix(pages["queue"])
    unseen = []
    for name in ("queue", "case", "upload desk", "preferences"):
        page.goto(base + pages[name])
        stops = tabbed(page)
        assert len(stops) > 8, name
        unseen += [f"{name}: {stop['name']}" for stop in stops if not stop["shows"]]
    assert unseen == []


def tabbed(page: Page, most: int = 120) -> list[dict[str, object]]:
    """Every stop of the Tab key, once around the page."""
    stops: list[dict[str, object]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None or (stops and stop["name"] == stops[0]["name"]):
            break
        stops.append(stop)
    return stops


def test_nothing_is_cut_off_at_200_percent(visit: Visit, world: World) -> None:
    pages = main_pages(world)
    page = visit(world.visitor, pages["queue"])
    base = page.url.removesuffix(pages["queue"])
    page.set_viewport_size(ZOOMED)
    found = {}
    for name, path in pages.items():
        page.goto(base + path)
        seen = page.evaluate(CUT)
        if seen["wide"] > 0 or seen["cut"]:
            found[name] = seen
    assert not found
