"""The answer as its reviewer sees and edits it before it goes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cases import answers, delivery, review, worksheet
from cases.models import Case, CaseEvent, Delivery
from implants.models import Implant
from tests.cases.test_admin_actions import errors, filled_in, press
from tests.people import logged_in, person

QUEUE = "/admin/cases/case/"
MakeCase = Callable[..., Case]
OUTSIDE = {"verdict": "not_in_catalogue"}


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


def generated(browser: Client, case: Case, sent: dict[str, Any]) -> str:
    """What the server writes for what is filled in."""
    return str(press(browser, case, "preview", sent).context["shown"].generated)


def edited(sent: dict[str, Any], source: str, text: str) -> dict[str, Any]:
    """As the browser sends it: with its own ends of lines."""
    return {
        **sent,
        "answer-text": text.replace("\n", "\r\n"),
        "answer-source": source.replace("\n", "\r\n"),
    }


def test_preview_is_exactly_what_goes_out_and_writes_nothing(
    browser: Client, make_case: MakeCase, implants: list[Implant]
) -> None:
    case = make_case()
    said = {"verdict": "probable", "pick": implants[1].pk, "tooth": "45", "note": "Sem nitidez."}
    sent = filled_in(case, said, note="Confira o torque.")

    shown = generated(browser, case, sent)

    assert "Grand Morse" in shown and "Dente 45" in shown and "Confira o torque." in shown
    case.refresh_from_db()
    assert (case.events.count(), case.note, case.findings.get().verdict) == (0, "", "")
    press(browser, case, "approve", sent)
    assert Delivery.objects.get(case=case).text == shown


def test_preview_of_a_rejection_is_exactly_what_goes_out(
    browser: Client, make_case: MakeCase
) -> None:
    case = make_case()
    sent = {"rejection-reason": "new_film_needed", "rejection-text": "Falta o ápice."}
    answer = browser.post(f"{QUEUE}{case.pk}/preview/?decision=reject", sent)
    shown = answer.context["shown"].generated
    assert "Falta o ápice." in shown and case.events.count() == 0
    press(browser, case, "reject", sent)
    assert Delivery.objects.get(case=case).text == shown


@pytest.mark.parametrize("reason", ["", "other"])
def test_preview_says_what_a_rejection_lacks(
    browser: Client, make_case: MakeCase, reason: str
) -> None:
    case = make_case()
    answer = browser.post(
        f"{QUEUE}{case.pk}/preview/?decision=reject", {"rejection-reason": reason}
    )
    assert answer.context["shown"].state == "missing" and answer.context["shown"].problems


def test_preview_says_that_it_corrects_and_where_it_goes(
    browser: Client, reviewer: User, make_case: MakeCase
) -> None:
    case = make_case()
    review.reject(case, reviewer, reason="duplicate")
    Delivery.objects.update(state="sent", started_at=timezone.now())
    review.reopen(case, reviewer)
    page = press(browser, case, "preview", filled_in(case, OUTSIDE)).content.decode()
    assert answers.correction_preface() in page and "Identificação" in page


def test_edited_text_is_what_goes_out_and_the_story_says_so(
    browser: Client, make_case: MakeCase
) -> None:
    case = make_case()
    sent = filled_in(case, OUTSIDE)
    text = "Prezada Ana,\n\no implante não está no catálogo."

    press(browser, case, "approve", edited(sent, generated(browser, case, sent), text))

    assert Delivery.objects.get(case=case).text == text
    page = browser.get(f"{QUEUE}{case.pk}/change/")
    entry = next(entry for entry in page.context["timeline"] if entry.what == "Aprovado")
    assert entry.detail == "com a resposta editada à mão"
    assert page.context["answer"] == text


def test_edited_rejection_goes_out_as_edited(browser: Client, make_case: MakeCase) -> None:
    case = make_case()
    sent = {"rejection-reason": "duplicate"}
    address = f"{QUEUE}{case.pk}/preview/?decision=reject"
    source = browser.post(address, sent).context["shown"].generated
    wording = {"rejection-answer-text": "Já respondido.", "rejection-answer-source": source}
    press(browser, case, "reject", {**sent, **wording})
    assert Delivery.objects.get(case=case).text == "Já respondido."


@pytest.mark.parametrize("text", ["", "  \r\n "])
@pytest.mark.parametrize("button", ["save", "approve"])
def test_empty_answer_is_refused(
    browser: Client, make_case: MakeCase, text: str, button: str
) -> None:
    case = make_case()
    sent = filled_in(case, OUTSIDE)
    answer = press(browser, case, button, edited(sent, generated(browser, case, sent), text))
    assert answer.status_code == 400
    case.refresh_from_db()
    assert (case.state, case.findings.get().verdict) == ("pending", "")


def test_no_empty_answer_is_decided_by_any_way(make_case: MakeCase, reviewer: User) -> None:
    case = make_case()
    review.set_verdict(case.findings.get(), reviewer, verdict="not_in_catalogue", implant=None)
    with pytest.raises(review.InvalidDecision):
        review.approve(case, reviewer, wording=answers.Wording("", "x"))


def test_text_edited_for_another_decision_is_never_sent(
    browser: Client, make_case: MakeCase, implants: list[Implant]
) -> None:
    case = make_case()
    source = generated(browser, case, filled_in(case, OUTSIDE))
    other = filled_in(case, {"verdict": "identified", "pick": implants[0].pk})

    answer = press(browser, case, "approve", edited(other, source, "Não está no catálogo."))

    assert answer.status_code == 409 and errors(answer)
    shown = answer.context["shown"]
    assert (shown.state, shown.edited.text) == ("outdated", "Não está no catálogo.")
    page = answer.content.decode()
    assert "Neodent Drive CM" in shown.generated and shown.generated.split("\n")[0] in page
    assert "Não está no catálogo." in page
    case.refresh_from_db()
    assert (case.state, Delivery.objects.count()) == ("pending", 0)


def test_saved_edit_stays_and_is_offered_until_it_no_longer_fits(
    browser: Client, make_case: MakeCase, implants: list[Implant]
) -> None:
    case = make_case()
    sent = filled_in(case, OUTSIDE)
    press(browser, case, "save", edited(sent, generated(browser, case, sent), "Do meu jeito."))
    page = browser.get(f"{QUEUE}{case.pk}/change/").context
    assert (page["shown"].state, page["shown"].text) == ("ready", "Do meu jeito.")
    assert page["timeline"][0].what == "Resposta editada"

    changed = filled_in(case, {"verdict": "probable", "pick": implants[0].pk})
    answer = press(browser, case, "approve", changed)

    assert answer.status_code == 409 and answer.context["shown"].state == "outdated"
    assert not Delivery.objects.exists()
    new = generated(browser, case, changed)
    changed["last_seen"] = worksheet.last_event_id(case)
    press(browser, case, "approve", edited(changed, new, "Do meu jeito."))
    assert Delivery.objects.get(case=case).text == "Do meu jeito."


def test_edit_is_taken_back(browser: Client, make_case: MakeCase) -> None:
    case = make_case()
    sent = filled_in(case, OUTSIDE)
    source = generated(browser, case, sent)
    press(browser, case, "save", edited(sent, source, "Do meu jeito."))
    sent["last_seen"] = worksheet.last_event_id(case)
    press(browser, case, "save", edited(sent, source, source))
    case.refresh_from_db()
    assert (case.edited_answer, case.edited_from) == ("", "")
    press(browser, case, "approve", sent)
    assert Delivery.objects.get(case=case).text == source


def test_edit_by_a_colleague_is_a_conflict(browser: Client, make_case: MakeCase) -> None:
    case = make_case()
    sent = filled_in(case, OUTSIDE)
    rita = person("rita", "Revisores")
    worksheet.save(case, rita, worksheet.Sheet((), "Nota da Rita", sent["last_seen"]))
    answer = press(browser, case, "save", {**sent, "note": "Minha nota"})
    assert answer.status_code == 409 and "Rita" in errors(answer)[0]
    case.refresh_from_db()
    assert case.note == "Nota da Rita"


@pytest.fixture
def approved(browser: Client, make_case: MakeCase) -> Case:
    """Approved with an edited answer that could not be written."""
    case = make_case()
    sent = filled_in(case, OUTSIDE)
    press(browser, case, "approve", edited(sent, generated(browser, case, sent), "Do meu jeito."))
    Delivery.objects.update(state="failed", reason="not_found", started_at=timezone.now())
    case.refresh_from_db()
    return case


def test_edited_answer_is_sent_again_as_edited(browser: Client, approved: Case) -> None:
    press(browser, approved, "send-again")
    assert [row.text for row in approved.deliveries.all()] == ["Do meu jeito."] * 2


def test_edited_answer_that_no_longer_fits_is_not_sent_again(
    browser: Client, approved: Case
) -> None:
    approved.findings.update(tooth="11")  # as an edit by the dentist does
    answer = browser.post(f"{QUEUE}{approved.pk}/send-again/", follow=True)
    assert "não combina mais" in errors(answer)[0]
    assert approved.deliveries.count() == 1


def test_reopening_keeps_the_edit_and_a_correction_carries_it(
    browser: Client, reviewer: User, approved: Case
) -> None:
    Delivery.objects.update(state="sent", reason="")
    review.reopen(approved, reviewer)
    page = browser.get(f"{QUEUE}{approved.pk}/change/")
    assert page.context["shown"].text == "Do meu jeito." and page.context["preface"]
    press(browser, approved, "approve", filled_in(approved, OUTSIDE))
    assert [row.text for row in approved.deliveries.all()][-1] == "Do meu jeito."
    assert delivery.may_have_been_read(approved)


def test_rejecting_forgets_an_edit_of_the_approval(browser: Client, make_case: MakeCase) -> None:
    case = make_case()
    sent = filled_in(case, OUTSIDE)
    press(browser, case, "save", edited(sent, generated(browser, case, sent), "Do meu jeito."))
    press(browser, case, "reject", {"rejection-reason": "duplicate"})
    case.refresh_from_db()
    assert case.edited_answer == "" and "Do meu jeito" not in Delivery.objects.get(case=case).text


def test_program_that_approves_sends_the_generated_text(
    reviewer: User, make_case: MakeCase
) -> None:
    case = make_case()
    review.set_verdict(case.findings.get(), reviewer, verdict="not_in_catalogue", implant=None)
    source = answers.answer_text(case)
    Case.objects.update(edited_answer="Do meu jeito.", edited_from=source)
    review.approve(case, reviewer)
    assert Delivery.objects.get(case=case).text == source
    case.refresh_from_db()
    assert case.edited_answer == ""


def test_direct_case_keeps_its_edited_answer(browser: Client, make_case: MakeCase) -> None:
    case = make_case(is_direct=True)
    sent = filled_in(case, OUTSIDE)
    press(browser, case, "approve", edited(sent, generated(browser, case, sent), "Do meu jeito."))
    assert browser.get(f"{QUEUE}{case.pk}/change/").context["answer"] == "Do meu jeito."


def test_repeated_changes_are_one_line_of_the_story(
    browser: Client, reviewer: User, make_case: MakeCase
) -> None:
    case = make_case()
    finding = case.findings.get()
    for note in ("S", "Sem", "Sem nitidez"):
        review.set_verdict(finding, reviewer, verdict="", implant=None, note=note)
    CaseEvent.objects.create(case=case, kind="image_stored")
    review.set_verdict(finding, reviewer, verdict="not_identifiable", implant=None)
    story = browser.get(f"{QUEUE}{case.pk}/change/").context["timeline"]
    assert [(entry.what, entry.count) for entry in story] == [
        ("Implante do caso alterado", 1), ("Imagem armazenada", 1), ("Implante do caso alterado", 3)
    ]  # fmt: skip
