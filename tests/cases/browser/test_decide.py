"""Deciding a case as Brenda does it, by mouse and by keys: the answer, the undo, the story."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from cases import review
from cases.models import Case, Delivery
from implants.models import Implant

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/cases/case/{}/change/"
QUEUE = re.compile(r"/admin/cases/case/$")
MakeCase = Callable[..., Case]
Visit = Callable[..., Page]


@pytest.fixture
def at(visit: Visit, reviewer: User) -> Callable[[Case], Page]:
    """Brenda's window on the page of a case."""
    return lambda case: visit(reviewer, PAGE.format(case.pk))


def arm(page: Page, key: str = "a", what: str = "approve") -> None:
    page.keyboard.press(key)
    expect(page.locator(f"#arm-{what} [data-confirm]")).to_be_enabled()


def answer_in(page: Page, where: str) -> str:
    return page.locator(f"{where} textarea[name=answer-text]").input_value()


def test_a_case_is_decided_by_mouse_alone(
    at: Callable[[Case], Page], clear_case: MakeCase, implants: list[Implant]
) -> None:
    case = clear_case()
    page = at(case)
    page.locator(".rx-card-pick").nth(1).click()
    page.get_by_text("Provável").click()
    page.get_by_role("button", name="Aprovar e responder").click()
    page.get_by_role("button", name="Confirmar: aprovar e responder").click()
    page.wait_for_url(QUEUE)
    finding = case.findings.get()
    assert (finding.verdict, finding.implant) == ("probable", implants[1])


def test_an_implant_clicked_while_the_page_loads_is_identified(
    page: Page, at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    case = clear_case()
    # The page is parsed and can be clicked; its modules run after this.
    page.add_init_script(
        "document.addEventListener('readystatechange', () => document.readyState === 'interactive'"
        " && document.querySelector('.rx-card-pick')?.click())"
    )
    at(case)
    expect(page.locator("[value=identified]")).to_be_checked()
    page.get_by_role("button", name="Aprovar e responder").click()
    page.get_by_role("button", name="Confirmar: aprovar e responder").click()
    page.wait_for_url(QUEUE)
    assert case.findings.get().verdict == "identified"


def test_a_case_is_decided_by_touch(
    visit: Visit, browser: Browser, reviewer: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    context = browser.new_context(
        viewport={"width": 1024, "height": 768}, has_touch=True, locale="pt-BR"
    )
    page = visit(reviewer, PAGE.format(case.pk), where=context.new_page())
    page.locator(".rx-card-pick").first.tap()
    page.get_by_role("button", name="Aprovar e responder").tap()
    page.get_by_role("button", name="Confirmar: aprovar e responder").tap()
    page.wait_for_url(QUEUE)
    context.close()
    case.refresh_from_db()
    assert case.state == "approved"


def test_the_page_and_the_panel_show_the_very_answer(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    case = clear_case()
    page = at(case)
    page.get_by_label("Observação para o dentista").fill("Ainda não salvo.")
    page.keyboard.press("Tab")
    page.locator("body").click(position={"x": 5, "y": 300})
    page.keyboard.press("3")
    expect(page.locator(".rx-answer textarea[name=answer-text]")).to_have_value(
        re.compile("Titamax HE.*Ainda não salvo", re.DOTALL)
    )
    arm(page)
    shown = answer_in(page, "#arm-approve")
    page.keyboard.press("Enter")
    page.wait_for_url(QUEUE)
    assert Delivery.objects.get(case=case).text == shown


def test_the_answer_is_edited_before_it_goes(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    case = clear_case()
    page = at(case)
    page.keyboard.press("1")
    arm(page)
    text = page.locator("#arm-approve textarea")
    text.fill("")
    expect(page.get_by_text("A resposta não pode ficar vazia.")).to_be_visible()
    expect(page.locator("#arm-approve [data-confirm]")).to_be_disabled()
    text.fill("Prezada Ana:\no implante é um Drive CM.")
    expect(page.get_by_text("Editado por você")).to_be_visible()
    text.press("Control+Enter")
    page.wait_for_url(QUEUE)
    assert Delivery.objects.get(case=case).text == "Prezada Ana:\no implante é um Drive CM."


def test_an_edited_answer_outlives_a_lost_network(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    case = clear_case()
    page = at(case)
    page.keyboard.press("1")
    arm(page)
    page.context.set_offline(True)
    page.locator("#arm-approve textarea").fill("Do meu jeito.")
    page.keyboard.press("Escape")
    expect(page.locator("#arm-approve")).to_be_hidden()
    page.keyboard.press("a")
    dialog = page.locator("#arm-approve")
    expect(dialog).to_contain_text("A resposta não pode ser mostrada")
    expect(dialog.locator("[data-confirm]")).to_be_disabled()
    assert answer_in(page, "#arm-approve") == "Do meu jeito."
    page.keyboard.press("Enter")
    page.context.set_offline(False)
    expect(dialog.locator("[data-confirm]")).to_be_enabled()
    expect(dialog).not_to_contain_text("A resposta não pode ser mostrada")
    page.locator("#arm-approve [data-confirm]").click()
    page.wait_for_url(QUEUE)
    assert Delivery.objects.get(case=case).text == "Do meu jeito."


def test_typing_into_the_answer_is_not_written_over_by_a_slow_server(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    page = at(clear_case())
    answer = page.locator(".rx-answer")
    page.keyboard.press("1")
    expect(answer.locator("textarea[name=answer-text]")).to_be_visible()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/preview/**", hold_the_first)
    with page.expect_request("**/preview/**"):
        page.keyboard.press("2")
    answer.locator("textarea[name=answer-text]").fill("Digitado enquanto isso.")
    held[0].continue_()
    expect(answer).to_contain_text("O texto que você editou foi feito para outra decisão.")
    expect(answer.locator("pre").nth(1)).to_have_text("Digitado enquanto isso.")


def test_an_edited_answer_that_no_longer_fits_is_asked_about(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    case = clear_case()
    page = at(case)
    page.keyboard.press("1")
    arm(page)
    page.locator("#arm-approve textarea").fill("Do meu jeito.")
    page.keyboard.press("Escape")
    expect(page.locator("#arm-approve")).to_be_hidden()
    page.keyboard.press("2")
    page.keyboard.press("a")
    dialog = page.locator("#arm-approve")
    expect(dialog).to_contain_text("O texto que você editou foi feito para outra decisão.")
    expect(dialog.locator("pre")).to_have_count(2)
    expect(dialog.locator("[data-confirm]")).to_be_disabled()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Usar o texto novo").click()
    expect(dialog.locator("textarea")).to_have_value(re.compile("Grand Morse Helix"))
    expect(dialog.locator("[data-confirm]")).to_be_enabled()
    case.refresh_from_db()
    assert case.state == "pending"


def test_an_edited_answer_can_be_kept_beside_a_new_decision(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    case = clear_case()
    page = at(case)
    page.keyboard.press("1")
    arm(page)
    page.locator("#arm-approve textarea").fill("Do meu jeito.")
    page.keyboard.press("Escape")
    expect(page.locator("#arm-approve")).to_be_hidden()
    page.keyboard.press("n")
    page.keyboard.press("a")
    page.get_by_role("button", name="Manter o meu texto").click()
    expect(page.locator("#arm-approve [data-confirm]")).to_be_enabled()
    page.locator("#arm-approve [data-confirm]").click()
    page.wait_for_url(QUEUE)
    assert Delivery.objects.get(case=case).text == "Do meu jeito."


def test_an_edited_answer_outlives_a_reload_and_goes_back(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    page = at(clear_case())
    page.keyboard.press("1")
    arm(page)
    generated = answer_in(page, "#arm-approve")
    with page.expect_response(lambda answer: "meu+jeito" in (answer.request.post_data or "")):
        page.locator("#arm-approve textarea").fill("Do meu jeito.")
    page.keyboard.press("Escape")
    expect(page.locator("#arm-approve")).to_be_hidden()
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
    page.reload()
    assert answer_in(page, ".rx-answer") == "Do meu jeito."
    page.get_by_role("button", name="Voltar ao texto gerado").click()
    expect(page.locator(".rx-answer textarea[name=answer-text]")).to_have_value(generated)


def test_a_double_click_and_a_double_enter_decide_once(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    case, following = clear_case(), clear_case()
    page = at(case)
    page.keyboard.press("1")
    arm(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE.format(following.pk)}")
    expect(page.locator(".messagelist .error")).to_have_count(0)
    page.keyboard.press("1")
    arm(page)
    page.locator("#arm-approve [data-confirm]").dblclick()
    page.wait_for_url(QUEUE)
    expect(page.locator(".messagelist .error")).to_have_count(0)
    kinds = [case.events.filter(kind="approved").count() for case in Case.objects.all()]
    assert kinds == [1, 1]


def test_undo_counts_down_and_asks_before_it_takes_the_decision_back(
    at: Callable[[Case], Page], clear_case: MakeCase, implants: list[Implant]
) -> None:
    case, following = clear_case(), clear_case()
    page = at(case)
    page.keyboard.press("2")
    arm(page)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE.format(following.pk)}")
    expect(page.locator("#undo-offer")).to_contain_text(re.compile(r"a resposta sai em \d+ s"))

    page.keyboard.press("z")
    expect(page.locator("#arm-undo")).to_contain_text("Nada foi enviado ainda")
    case.refresh_from_db()
    assert case.state == "approved"
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{PAGE.format(case.pk)}")
    case.refresh_from_db()
    assert (case.state, case.deliveries.get().state) == ("pending", "cancelled")
    expect(page.locator(".rx-card").nth(1).locator("input")).to_be_checked()


def test_undo_says_when_the_time_is_over(at: Callable[[Case], Page], clear_case: MakeCase) -> None:
    case, following = clear_case(), clear_case()
    page = at(case)
    page.keyboard.press("n")
    arm(page)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE.format(following.pk)}")
    Delivery.objects.update(due_at=timezone.now() + timedelta(seconds=3))
    page.reload()
    expect(page.locator("[data-before]")).to_be_visible()
    expect(page.locator("[data-after]")).to_contain_text("a próxima sai como correção")
    expect(page.locator("[data-before]")).to_be_hidden()
    page.keyboard.press("z")
    expect(page.locator("#arm-undo")).to_contain_text("a próxima sai como correção")
    page.keyboard.press("Escape")
    case.refresh_from_db()
    assert case.state == "approved"


def test_a_correction_is_announced_before_it_goes(
    at: Callable[[Case], Page], reviewer: User, clear_case: MakeCase
) -> None:
    case = clear_case()
    review.reject(case, reviewer, reason="duplicate")
    Delivery.objects.update(state="sent", started_at=timezone.now())
    review.reopen(case, reviewer)
    page = at(case)
    page.keyboard.press("1")
    arm(page)
    expect(page.locator("#arm-approve .rx-preface")).to_contain_text("CORREÇÃO")


def test_a_failed_answer_is_sent_again(
    at: Callable[[Case], Page], reviewer: User, clear_case: MakeCase
) -> None:
    case = review.reject(clear_case(), reviewer, reason="duplicate")
    Delivery.objects.update(state="failed", reason="not_found", started_at=timezone.now())
    page = at(case)
    expect(page.get_by_text("A resposta não chegou.")).to_be_visible()
    page.get_by_role("button", name="Enviar novamente").first.click()
    expect(page.locator(".messagelist")).to_be_visible()
    assert [row.state for row in case.deliveries.all()] == ["failed", "queued"]


def test_a_rejection_is_refused_without_words_where_it_needs_them(
    at: Callable[[Case], Page], clear_case: MakeCase
) -> None:
    page = at(clear_case())
    page.get_by_role("button", name="Rejeitar…").click()
    page.get_by_text("Outro motivo").click()
    expect(page.locator("#arm-reject .rx-missing")).to_be_visible()
    expect(page.locator("#arm-reject [data-confirm]")).to_be_disabled()
    page.fill("[name=rejection-text]", "Outro paciente.")
    expect(page.locator("#arm-reject [data-confirm]")).to_be_enabled()


def test_the_whole_decision_fits_one_screen(
    at: Callable[[Case], Page], clear_case: MakeCase, implants: list[Implant]
) -> None:
    Implant.objects.update(
        connection="conical", connection_detail="16°, índice interno", level="bone",
        body="tapered", thread="rosca em V, dupla", apex="cone", platform="única",
        diameters_mm=["3.50", "3.75", "4.00", "4.50"],
    )  # fmt: skip
    page = at(clear_case())
    for part in (
        "[data-viewer]",
        ".rx-compare",
        ".rx-verdict",
        "[data-find]",
        "[data-arm=approve]",
    ):
        box = page.locator(part).first.bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= 900, part
    bar = page.locator(".rx-bar").bounding_box()
    verdict = page.locator(".rx-verdict").bounding_box()
    assert bar and verdict and verdict["y"] + verdict["height"] <= bar["y"]


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768)])
def test_the_verdict_is_in_sight_however_much_there_is_to_compare(
    at: Callable[[Case], Page],
    clear_case: MakeCase,
    implants: list[Implant],
    size: tuple[int, int],
) -> None:
    Implant.objects.update(
        connection="conical", connection_detail="16° / 3,0 mm / 1,6 mm; também hexágono " * 3,
        level="bone", body="tapered", thread="rosca em V, dupla", apex="cone", platform="única",
        diameters_mm=["3.50", "3.75"],
    )  # fmt: skip
    case = clear_case(findings=2)
    page = at(case)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.evaluate("scrollTo(0, 0)")
    verdict = page.locator(".rx-verdict:visible").bounding_box()
    find = page.locator("[data-find]:visible").bounding_box()
    bar = page.locator(".rx-bar").bounding_box()
    assert verdict and find and bar
    assert verdict["y"] > 0 and verdict["y"] + verdict["height"] <= bar["y"]
    assert find["y"] + find["height"] <= bar["y"]
    assert bar["y"] + bar["height"] <= size[1] + 1
