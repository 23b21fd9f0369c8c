"""Asks axe-core about a page, in light on a desk and in dark on a tablet."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize

SERIOUS = ("serious", "critical")
DESK, TABLET = ViewportSize(width=1440, height=900), ViewportSize(width=1024, height=768)
# Colours don't depend on the size, and nothing else on the theme: two rounds see all there is.
_ROUNDS: tuple[tuple[str, ViewportSize], ...] = (("light", DESK), ("dark", TABLET))


def violations(page: Page) -> list[str]:
    """What axe finds serious or critical on the page as it is, each with its first element."""
    page.evaluate(AXE_SCRIPT)
    found: list[str] = []
    for theme, size in _ROUNDS:
        page.set_viewport_size(size)
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        _settle(page)
        found += [f"{theme} {size['width']}: {text}" for text in _serious(_run(page)["violations"])]
    return found


def _settle(page: Page) -> None:
    """Colours that fade into each other have arrived."""
    page.evaluate("() => Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")


def _run(page: Page) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    return answer


def _serious(results: list[dict[str, Any]]) -> list[str]:
    return [
        f"{result['id']} ({len(result['nodes'])}): {node['html'][:200]} {_why(node)}"
        for result in results
        if result["impact"] in SERIOUS
        for node in result["nodes"][:2]
    ]


def _why(node: dict[str, Any]) -> str:
    return str(node.get("failureSummary", "")).replace("\n", " ")[:240]
