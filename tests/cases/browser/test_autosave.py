"""Nothing that was filled in gets lost: saved in the background, else kept in the browser."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Error, Page, expect

from cases import review
from cases.models import Case, CaseEvent
from implants.models import Implant

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/cases/case/{}/change/"
MakeCase = Callable[..., Case]
Visit = Callable[..., Page]


def saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")


def type_note(page: Page, text: str) -> None:
    page.get_by_label("Observação para o dentista").fill(text)


def never_saves(page: Page) -> None:
    """Nothing that this page sends arrives."""
    page.route("**/save/", lambda route: route.abort())


def crash(page: Page) -> Page:
    """The tab dies without a last word to the server; the window that is opened after it."""
    with pytest.raises(Error):
        page.goto("chrome://crash")
    return page.context.new_page()


def restore(page: Page) -> None:
    offer = page.locator("#draft-offer")
    expect(offer).to_be_visible()
    offer.get_by_role("button", name="Recuperar").click()
    expect(offer).to_be_hidden()


def test_what_is_filled_in_is_saved_by_itself(
    visit: Visit, reviewer: User, clear_case: MakeCase, implants: list[Implant]
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    type_note(page, "Confira o torque.")
    page.locator(".rx-card-pick").first.click()
    saved(page)
    expect(page.locator("#save-state")).to_contain_text("Salvo às ")
    case.refresh_from_db()
    assert (case.note, case.findings.get().implant) == ("Confira o torque.", implants[0])
    page.reload()
    expect(page.locator("#draft-offer")).to_be_hidden()
    expect(page.get_by_label("Observação para o dentista")).to_have_value("Confira o torque.")


def test_without_a_network_it_says_so_and_tries_again(
    visit: Visit, reviewer: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    page.context.set_offline(True)
    type_note(page, "No metrô.")
    expect(page.locator("#save-state")).to_have_text("Não salvo: sem conexão; tentando de novo")
    page.context.set_offline(False)
    saved(page)
    case.refresh_from_db()
    assert case.note == "No metrô."


def test_a_crash_loses_nothing(visit: Visit, reviewer: User, clear_case: MakeCase) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    never_saves(page)
    page.keyboard.press("2")
    type_note(page, "Antes da queda.")
    page.get_by_label("Observação sobre este implante").fill("Sem nitidez.")
    page = visit(reviewer, PAGE.format(case.pk), where=crash(page))
    expect(page.locator(".rx-card :checked")).to_have_count(0)

    restore(page)

    expect(page.locator(".rx-card").nth(1).locator("input")).to_be_checked()
    expect(page.get_by_label("Observação para o dentista")).to_have_value("Antes da queda.")
    saved(page)
    case.refresh_from_db()
    finding = case.findings.get()
    assert (case.note, finding.note) == ("Antes da queda.", "Sem nitidez.")
    assert finding.verdict == "identified"


def test_a_draft_can_be_thrown_away(visit: Visit, reviewer: User, clear_case: MakeCase) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    never_saves(page)
    type_note(page, "Engano.")
    page = visit(reviewer, PAGE.format(case.pk), where=crash(page))
    page.locator("#draft-offer").get_by_role("button", name="Descartar").click()
    page.reload()
    expect(page.locator("#draft-offer")).to_be_hidden()
    expect(page.get_by_label("Observação para o dentista")).to_have_value("")


def test_a_session_that_ended_leads_to_the_log_in_and_back(
    visit: Visit, reviewer: User, clear_case: MakeCase
) -> None:
    reviewer.set_password("senha de teste")
    reviewer.save()
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    Session.objects.all().delete()
    type_note(page, "Depois do almoço.")
    expect(page.get_by_role("link", name="Ver o caso como está agora")).to_be_hidden()
    page.get_by_role("link", name="Entrar de novo").click()
    page.fill("[name=username]", "brenda")
    page.fill("[name=password]", "senha de teste")
    page.click("[type=submit]")
    page.wait_for_url(f"**{PAGE.format(case.pk)}")
    restore(page)
    saved(page)
    case.refresh_from_db()
    assert case.note == "Depois do almoço."


def test_a_decision_in_an_ended_session_leads_back_with_everything(
    visit: Visit, reviewer: User, clear_case: MakeCase
) -> None:
    reviewer.set_password("senha de teste")
    reviewer.save()
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    page.keyboard.press("1")
    type_note(page, "Pronto.")
    page.get_by_role("button", name="Aprovar e responder").click()
    confirm = page.get_by_role("button", name="Confirmar: aprovar e responder")
    expect(confirm).to_be_enabled()
    Session.objects.all().delete()
    confirm.click()
    page.fill("[name=username]", "brenda")
    page.fill("[name=password]", "senha de teste")
    page.click("[type=submit]")
    page.wait_for_url(f"**{PAGE.format(case.pk)}")
    case.refresh_from_db()
    assert case.state == "pending"
    if case.note != "Pronto.":
        restore(page)
    expect(page.get_by_label("Observação para o dentista")).to_have_value("Pronto.")


def test_an_edit_by_the_dentist_is_told_in_place_and_nothing_is_lost(
    visit: Visit, reviewer: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    CaseEvent.objects.create(case=case, kind="updated", data={"fields": ["tooth"]})
    Case.objects.filter(pk=case.pk).update(tooth="45")
    type_note(page, "Minha nota.")
    expect(page.locator("#save-trouble")).to_contain_text("O dentista editou o envio")
    expect(page.get_by_role("link", name="Entrar de novo")).to_be_hidden()
    expect(page.get_by_label("Observação para o dentista")).to_have_value("Minha nota.")
    page.get_by_role("link", name="Ver o caso como está agora").click()
    expect(page.locator(".rx-facts")).to_contain_text("45")
    restore(page)
    saved(page)
    case.refresh_from_db()
    assert case.note == "Minha nota."


def test_a_colleague_who_decides_meanwhile_is_told_of_in_place(
    visit: Visit, browser: Browser, reviewer: User, colleague: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    theirs = browser.new_context(locale="pt-BR").new_page()
    visit(colleague, PAGE.format(case.pk), where=theirs)
    theirs.get_by_role("button", name="Assumir o caso").click()
    theirs.wait_for_selector("#desk[data-open]")
    theirs.keyboard.press("n")
    theirs.keyboard.press("a")
    expect(theirs.locator("#arm-approve [data-confirm]")).to_be_enabled()
    theirs.keyboard.press("Enter")
    theirs.wait_for_url("**/admin/cases/case/")
    theirs.context.close()

    # The page of the first says it within seconds; what she had typed is still there.
    expect(page.get_by_text("Rita decidiu este caso.")).to_be_visible(timeout=15_000)
    case.refresh_from_db()
    assert (case.state, case.decided_by) == ("approved", colleague)


def test_a_draft_of_a_case_that_another_decided_is_kept_until_it_is_open_again(
    visit: Visit, reviewer: User, colleague: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    never_saves(page)
    type_note(page, "Texto longo.")
    page = crash(page)
    Case.objects.update(claimed_by=None, claimed_until=None)
    review.reject(case, colleague, reason="duplicate")
    visit(reviewer, PAGE.format(case.pk), where=page)
    expect(page.locator("#draft-offer")).to_contain_text("reabra o caso")
    page.get_by_role("button", name="Reabrir o caso").click()
    restore(page)
    saved(page)
    case.refresh_from_db()
    assert case.note == "Texto longo."


def test_a_decision_takes_its_draft_along(
    visit: Visit, reviewer: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    page.keyboard.press("1")
    page.keyboard.press("a")
    expect(page.locator("#arm-approve [data-confirm]")).to_be_enabled()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/cases/case/")
    visit(reviewer, PAGE.format(case.pk))
    expect(page.locator("#draft-offer")).to_be_hidden()


def test_words_of_a_rejection_outlive_a_crash(
    visit: Visit, reviewer: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    page.keyboard.press("x")
    page.keyboard.press("1")
    page.fill("[name=rejection-text]", "O ápice está cortado.")
    page.goto("about:blank")
    visit(reviewer, PAGE.format(case.pk))
    restore(page)
    page.keyboard.press("x")
    expect(page.locator("[name=rejection-text]")).to_have_value("O ápice está cortado.")


def test_two_windows_of_one_reviewer_do_not_write_over_each_other(
    visit: Visit, reviewer: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    page = visit(reviewer, PAGE.format(case.pk))
    other = page.context.new_page()
    visit(reviewer, PAGE.format(case.pk), where=other)
    type_note(other, "Da segunda janela.")
    saved(other)
    # The first window shows what the second has saved before it saves anything itself.
    expect(page.get_by_label("Observação para o dentista")).to_have_value("Da segunda janela.")
    page.keyboard.press("1")
    saved(page)
    case.refresh_from_db()
    assert (case.note, case.findings.get().verdict) == ("Da segunda janela.", "identified")
