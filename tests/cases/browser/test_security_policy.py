"""No page needs what the security policy forbids.

The fixture `page` fails every browser test on a breach; the accessibility tests visit each page of
the admin with it. Here are the pages that they don't see, and the proof that a breach is noticed.
"""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.django_db(transaction=True)
Visit = Callable[..., Page]


@pytest.mark.parametrize("path", ["/privacidade", "/admin/nowhere/"])
def test_pages_outside_of_the_admin(visit: Visit, reviewer: User, path: str) -> None:
    visit(reviewer, path)


def test_documentation_works_without_inline_code(visit: Visit, reviewer: User) -> None:
    page = visit(reviewer, "/docs")
    route = page.locator(".opblock", has_text="/implants/{id}")
    expect(route).to_be_visible()
    route.locator(".opblock-summary-control").click()
    expect(route.get_by_role("button", name="Try it out")).to_be_visible()


# A fragment made so runs its scripts as a page does, other than with innerHTML.
INSERT = "html => document.body.append(document.createRange().createContextualFragment(html))"
BREACHES = (
    "<p style='color: red'>",
    "<style>p { color: red }</style>",
    "<img src='https://example.org/spy.png'>",
    "<img src=x onerror='window.ran = true'>",
    "<iframe src='javascript:parent.ran = true'>",
    "<script>window.ran = true</script>",
)


def test_a_breach_is_stopped_and_noticed(visit: Visit, reviewer: User, errors: list[str]) -> None:
    page = visit(reviewer, "/admin/help/curator/")
    for breach in BREACHES:
        assert errors == []
        with page.expect_console_message(lambda message: "CSP:" in message.text, timeout=10_000):
            page.evaluate(INSERT, breach)
        assert page.evaluate("window.ran") is None, breach
        errors.clear()
