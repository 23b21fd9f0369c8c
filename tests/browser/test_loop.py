"""The whole loop as people click through it: the dentist's form, Brenda's approval, the answer."""

import re

from playwright.sync_api import Page, expect

from tests.stack import Stack


def fill_in_the_form(page: Page, stack: Stack) -> None:
    """As the dentist: her name, the tooth, one of the sample radiographs."""
    page.goto(f"{stack.sandbox.url}/{stack.sandbox.form_id}")
    page.fill("[name='q3_nome[first]']", "Ana")
    page.fill("[name='q3_nome[last]']", "Dias")
    page.fill("[name=q4_email]", "ana@example.org")
    page.fill("[name=q6_paciente]", "B. F.")
    page.fill("[name=q7_dente]", "36")
    page.locator("label.sample").first.click()
    page.click("button[type=submit]")


def open_the_submission(page: Page) -> str:
    """From the page of thanks to the page where the answer will appear; its id."""
    page.locator("main a[href*='/submissions/']").first.click()
    page.wait_for_url(re.compile(r"/submissions/\d+"))
    return page.url.rstrip("/").rsplit("/", 1)[1]


def log_in(page: Page, stack: Stack, name: str = "brenda") -> None:
    page.goto(f"{stack.url}/admin/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", stack.passwords[name])
    page.click("[type=submit]")


def test_a_case_from_the_form_to_the_answer(page: Page, stack: Stack) -> None:
    fill_in_the_form(page, stack)
    submission = open_the_submission(page)
    expect(page.locator("[data-state=waiting]")).to_be_visible()
    case = stack.pending(submission)

    log_in(page, stack)
    page.goto(f"{stack.url}/admin/cases/case/")
    page.locator(f"a[href*='/case/{case}/change']").first.click()
    expect(page.locator(".rx-film img")).to_have_js_property("complete", True)
    assert page.locator(".rx-film img").evaluate("image => image.naturalWidth") > 100
    cards = page.locator(".rx-card")
    expect(cards).to_have_count(3)
    name = cards.first.locator("strong").inner_text()
    cards.first.locator("label").click()
    expect(page.locator("[value=identified]")).to_be_checked()
    page.locator("button[formaction$='/approve/']").click()
    page.get_by_role("button", name="Confirmar: aprovar e responder").click()
    expect(page.locator("#undo-offer")).to_contain_text("aprovado")
    assert stack.state_of(submission) == "approved"

    page.goto(f"{stack.sandbox.url}/submissions/{submission}")
    answered = page.locator("[data-state=answered]")
    expect(answered).to_contain_text(name, timeout=20_000)
    expect(answered).to_contain_text(re.compile("Dente 36"))


def test_the_answer_appears_without_a_reload(page: Page, stack: Stack) -> None:
    fill_in_the_form(page, stack)
    submission = open_the_submission(page)
    case = stack.pending(submission)
    expect(page.locator("[data-state=waiting]")).to_be_visible()
    brenda = stack.case_page(stack.log_in(), case)
    brenda.decide("approve", verdict="not_in_catalogue", implant=None)
    expect(page.locator("[data-state=answered]")).to_be_visible(timeout=20_000)


def test_reject_with_a_reason(page: Page, stack: Stack) -> None:
    fill_in_the_form(page, stack)
    submission = open_the_submission(page)
    case = stack.pending(submission)
    log_in(page, stack)
    page.goto(f"{stack.url}/admin/cases/case/{case}/change/")
    page.get_by_role("button", name="Rejeitar…").click()
    page.locator("[name=rejection-reason][value=new_film_needed]").check()
    page.fill("[name=rejection-text]", "O implante está cortado.")
    # Nothing is sent that she has not seen: an answer that is about to change is refused.
    shown = page.locator("[name=rejection-answer-text]")
    expect(shown).to_have_value(re.compile("O implante está cortado."))
    page.get_by_role("button", name="Confirmar: rejeitar e responder").click()
    expect(page.get_by_text("foi rejeitado")).to_be_visible()
    page.goto(f"{stack.sandbox.url}/submissions/{submission}")
    answered = page.locator("[data-state=answered]")
    expect(answered).to_contain_text("O implante está cortado.", timeout=20_000)
