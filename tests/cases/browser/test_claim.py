"""Two reviewers at one case: reserved, seen, taken over, and nothing typed is lost."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from cases import claims, review
from cases.models import Case
from tests.people import person
from tests.sandbox.process import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
Visit = Callable[..., Page]
SOON = 10_000


@pytest.fixture
def brenda(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def rita(db: None) -> User:
    return person("rita", "Revisores")


@pytest.fixture
def other(browser: Browser) -> Iterator[Page]:
    """Another window, of another person."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="pt-BR")
    yield context.new_page()
    context.close()


@pytest.fixture
def case(make_case: Callable[..., Case]) -> Case:
    return make_case()


def address(case: Case) -> str:
    return f"/admin/cases/case/{case.pk}/change/"


def holder(case: Case) -> User | None:
    return Case.objects.select_related("claimed_by").get(pk=case.pk).claimant


def test_the_second_one_sees_who_has_it_and_takes_it_over(
    visit: Visit, other: Page, case: Case, brenda: User, rita: User
) -> None:
    hers = visit(brenda, address(case))
    text = hers.locator("#desk [name$='-note']").first
    text.fill("Plataforma larga, rever.")

    ritas = visit(rita, address(case), where=other)
    notice = ritas.locator("[data-claim-notice=taken]")
    expect(notice).to_contain_text("Brenda está com este caso aberto até as")
    expect(ritas.locator("#desk textarea")).to_have_count(0)
    notice.get_by_role("button", name="Assumir o caso").click()
    expect(ritas.locator("#desk [name$='-note']").first).to_be_enabled()
    assert holder(case) == rita

    lost = hers.locator("[data-claim-notice=lost]")
    expect(lost).to_be_visible(timeout=SOON)
    expect(lost).to_contain_text("Rita assumiu este caso.")
    expect(text).to_have_value("Plataforma larga, rever.")
    expect(text).to_be_disabled()
    expect(hers.locator("#desk button[formaction$='/approve/']")).to_be_disabled()
    hers.keyboard.press("m")
    expect(hers.locator("[value=not_identifiable]")).not_to_be_checked()

    lost.get_by_role("button", name="Assumir de volta").click()
    expect(text).to_be_enabled()
    expect(text).to_have_value("Plataforma larga, rever.")
    expect(lost).to_be_hidden()
    expect(ritas.locator("[data-claim-notice=lost]")).to_be_visible(timeout=SOON)
    taken = case.events.filter(kind="claim_taken")
    assert [event.actor for event in taken] == [rita, brenda]


def test_what_is_sent_without_the_claim_is_refused(
    visit: Visit, other: Page, case: Case, brenda: User, rita: User
) -> None:
    """Before her page has heard of it: the server itself refuses, and shows what she sent."""
    hers = visit(brenda, address(case))
    hers.route("**/claim/", lambda route: route.abort())
    visit(rita, address(case), where=other).get_by_role("button", name="Assumir o caso").click()
    expect(other.locator("#desk textarea").first).to_be_enabled()

    hers.locator("#desk [name$='-tooth']").first.fill("45")
    with hers.expect_response(lambda answer: answer.request.is_navigation_request()) as sent:
        hers.locator("#desk").evaluate("form => HTMLFormElement.prototype.submit.call(form)")
    assert sent.value.status == 409
    expect(hers.locator("[data-claim-notice=taken]")).to_contain_text("Rita")
    expect(hers.locator("#desk [name$='-tooth']").first).to_have_value("45")
    assert case.findings.get().tooth == "44"


def test_leaving_lets_it_go_and_the_other_one_is_told(
    visit: Visit, other: Page, case: Case, brenda: User, rita: User
) -> None:
    hers = visit(brenda, address(case))
    ritas = visit(rita, address(case), where=other)
    expect(ritas.locator("[data-claim-notice=taken]")).to_be_visible()
    hers.goto(hers.url.partition("/admin/")[0] + "/admin/")
    free = ritas.locator("[data-claim-notice=free]")
    expect(free).to_be_visible(timeout=SOON)
    free.get_by_role("button", name="Abrir para mim").click()
    expect(ritas.locator("#desk textarea").first).to_be_enabled()
    assert holder(case) == rita


def test_a_reload_keeps_the_case(
    visit: Visit, case: Case, brenda: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The goodbye of the page that is left arrives when the new one has the case already."""
    said_goodbye, release = threading.Event(), claims.release

    def released(*args: Any, **options: Any) -> None:
        release(*args, **options)
        said_goodbye.set()

    monkeypatch.setattr(claims, "release", released)
    visit(brenda, address(case)).reload()
    assert said_goodbye.wait(10)
    assert holder(case) == brenda


def test_a_page_that_stays_open_renews_its_claim(visit: Visit, case: Case, brenda: User) -> None:
    page = visit(brenda, "/admin/")
    page.clock.install()
    visit(brenda, address(case))
    Case.objects.update(claimed_by=None, claimed_until=None)
    page.clock.run_for(5 * 60 * 1000)
    wait_for(lambda: holder(case) == brenda, 5)


def test_a_decision_by_the_other_one_is_told(
    visit: Visit, other: Page, case: Case, brenda: User, rita: User
) -> None:
    hers = visit(brenda, address(case))
    visit(rita, address(case), where=other).get_by_role("button", name="Assumir o caso").click()
    expect(hers.locator("[data-claim-notice=lost]")).to_be_visible(timeout=SOON)
    review.reject(case, rita, reason="duplicate")
    closed = hers.locator("[data-claim-notice=closed]")
    expect(closed).to_contain_text("Rita decidiu este caso.", timeout=SOON)
    expect(hers.locator("#desk textarea").first).to_be_disabled()
