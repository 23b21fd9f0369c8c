"""What the buttons of a case's page do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cases import review, worksheet
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding
from implants.models import Implant
from tests.cases.conftest import jobs
from tests.people import logged_in, person

QUEUE = "/admin/cases/case/"


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def colleague(db: None) -> User:
    return person("rita", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


def filled_in(case: Case, *answers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What the browser sends: `answers` for the findings in order, as seen at this moment."""
    sent = {"note": "", "last_seen": worksheet.last_event_id(case), **fields}
    for finding, answer in zip(case.findings.all(), answers, strict=True):
        said = {"verdict": "", "pick": "", "tooth": finding.tooth, "note": "", **answer}
        sent |= {f"finding-{finding.pk}-{name}": value for name, value in said.items()}
    return sent


def press(browser: Client, case: Case, button: str, sent: dict[str, Any] | None = None) -> Any:
    return browser.post(f"{QUEUE}{case.pk}/{button}/", sent or {})


def errors(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_approve_saves_everything_and_goes_on_to_the_next_case(
    browser: Client, reviewer: User, make_case: Callable[..., Case], implants: list[Implant],
    settings: Any,
) -> None:  # fmt: skip
    settings.DELIVERY_GRACE_SECONDS = 47
    case, waiting = make_case(), make_case()
    said = {"verdict": "probable", "pick": implants[1].pk, "tooth": "45", "note": "Sem nitidez."}

    answer = press(browser, case, "approve", filled_in(case, said, note="Confira o torque."))

    assert answer.url == f"{QUEUE}{waiting.pk}/change/"
    case.refresh_from_db()
    finding = case.findings.get()
    assert (case.state, case.decided_by, case.note) == ("approved", reviewer, "Confira o torque.")
    assert (finding.verdict, finding.implant, finding.tooth) == ("probable", implants[1], "45")
    assert "Sem nitidez." in Delivery.objects.get(case=case).text
    page = browser.get(answer.url)
    assert page.context["undo"].case == case and 40 < page.context["undo"].seconds_left <= 47
    assert browser.get(QUEUE).context["undo"].case == case, "the offer stays"


def test_approving_the_last_case_leads_back_to_the_queue(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()

    answer = press(browser, case, "approve", filled_in(case, {"verdict": "not_in_catalogue"}))

    assert answer.url == QUEUE
    assert browser.get(QUEUE).context["undo"].case == case


def test_undo_takes_the_decision_back_before_anything_is_sent(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    press(browser, case, "approve", filled_in(case, {"verdict": "not_identifiable"}))

    answer = press(browser, case, "reopen")

    assert answer.url == f"{QUEUE}{case.pk}/change/"
    case.refresh_from_db()
    assert case.state == "pending"
    assert Delivery.objects.get(case=case).state == "cancelled"
    assert case.findings.get().verdict == "not_identifiable"


@pytest.mark.parametrize(
    "said",
    [
        {"verdict": "identified"},
        {"verdict": "identified", "pick": "other"},
        {"verdict": "identified", "pick": "999999"},
        {"verdict": "surely"},
        {"verdict": "not_in_catalogue", "pick": "{implant}"},
        {"verdict": "", "pick": "{implant}"},
        {"verdict": "identified", "pick": "{implant}", "tooth": "4" * 41},
    ],
)
@pytest.mark.parametrize("button", ["save", "approve"])
def test_verdict_and_implant_must_go_together(
    browser: Client, make_case: Callable[..., Case], implants: list[Implant],
    said: dict[str, str], button: str,
) -> None:  # fmt: skip
    case = make_case()
    said = {name: text.format(implant=implants[0].pk) for name, text in said.items()}

    answer = press(browser, case, button, filled_in(case, {**said, "note": "Muito escrito."}))

    assert answer.status_code == 400
    assert answer.context["panels"][0].form.errors
    assert "Muito escrito." in answer.content.decode()
    case.refresh_from_db()
    assert (case.state, case.findings.get().note) == ("pending", "")


def test_any_implant_of_the_catalogue_can_be_chosen(
    browser: Client, make_case: Callable[..., Case], implants: list[Implant]
) -> None:
    case = make_case()
    said = {"verdict": "identified", "pick": "other", "other": implants[3].pk}

    press(browser, case, "approve", filled_in(case, said))

    assert case.findings.get().implant == implants[3]


def test_reviewer_finds_implants_by_name_maker_and_alias(
    browser: Client, implants: list[Implant]
) -> None:
    Implant.objects.filter(pk=implants[2].pk).update(aliases=["Cilíndrico"], is_demo=True)
    address = "/admin/autocomplete/?app_label=cases&model_name=finding&field_name=implant&term="

    def found(term: str) -> list[str]:
        return [row["text"] for row in browser.get(address + term).json()["results"]]

    assert found("neodent drive") == ["Neodent Drive CM"]
    assert len(found("neodent")) == 4
    assert found("cilíndrico") == ["Neodent Titamax HE (demonstração)"]


def test_approve_without_a_verdict_is_refused_and_says_so(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()

    answer = press(browser, case, "approve", filled_in(case, {"note": "Ainda olhando."}))

    assert answer.status_code == 400 and errors(answer)
    assert "Ainda olhando." in answer.content.decode()
    case.refresh_from_db()
    assert case.state == "pending"


def test_second_of_two_reviewers_is_told_who_was_first_and_loses_nothing(
    browser: Client, colleague: User, make_case: Callable[..., Case], implants: list[Implant]
) -> None:
    case = make_case()
    mine = filled_in(
        case,
        {"verdict": "probable", "pick": implants[1].pk, "note": "Meu texto longo."},
        note="Minha nota.",
    )
    theirs = filled_in(case, {"verdict": "identified", "pick": implants[0].pk})
    press(logged_in(colleague), case, "approve", theirs)

    answer = press(browser, case, "approve", mine)

    assert answer.status_code == 409
    assert "Rita" in errors(answer)[0]
    page = answer.content.decode()
    assert "Meu texto longo." in page and "Minha nota." in page
    assert answer.context["panels"][0].form.picked == str(implants[1].pk)
    case.refresh_from_db()
    assert (case.decided_by, case.findings.get().implant) == (colleague, implants[0])

    again = press(browser, case, "reopen", mine)
    assert again.status_code == 200 and "Meu texto longo." in again.content.decode()
    press(browser, case, "approve", {**mine, "last_seen": worksheet.last_event_id(case)})
    case.refresh_from_db()
    assert (case.note, case.findings.get().implant) == ("Minha nota.", implants[1])


def test_findings_that_a_colleague_changed_are_not_written_over(
    browser: Client, colleague: User, make_case: Callable[..., Case], implants: list[Implant]
) -> None:
    case = make_case()
    mine = filled_in(case, {"verdict": "probable", "pick": implants[1].pk})
    review.set_verdict(case.findings.get(), colleague, verdict="not_in_catalogue", implant=None)

    answer = press(browser, case, "approve", mine)

    assert answer.status_code == 409 and "Rita" in errors(answer)[0]
    assert case.findings.get().verdict == "not_in_catalogue"
    seen_now = answer.context["desk"].case_form["last_seen"].value()
    assert press(browser, case, "approve", {**mine, "last_seen": seen_now}).status_code == 302


def test_finding_that_a_colleague_added_is_never_approved_unseen(
    browser: Client, colleague: User, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    mine = filled_in(case, {"verdict": "not_in_catalogue"})
    added = review.add_finding(case, colleague, tooth="45")
    review.set_verdict(added, colleague, verdict="not_identifiable", implant=None)

    answer = press(browser, case, "approve", mine)

    assert answer.status_code == 409
    assert [panel.form["verdict"].value() for panel in answer.context["panels"]] == [
        "not_in_catalogue",
        "not_identifiable",
    ]


def test_edit_by_the_dentist_is_shown_before_a_decision(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    mine = filled_in(case, {"verdict": "not_in_catalogue"})
    CaseEvent.objects.create(case=case, kind="updated", data={"fields": ["tooth"]})

    assert press(browser, case, "approve", mine).status_code == 409
    case.refresh_from_db()
    assert case.state == "pending"


def test_save_keeps_a_draft_and_sends_nothing(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()

    answer = press(browser, case, "save", filled_in(case, {"note": "Rascunho."}, note="Olá."))

    assert answer.url == f"{QUEUE}{case.pk}/change/"
    case.refresh_from_db()
    assert (case.state, case.note, case.findings.get().note) == ("pending", "Olá.", "Rascunho.")
    assert not Delivery.objects.exists()


def test_decided_case_keeps_its_note(
    browser: Client, colleague: User, make_case: Callable[..., Case]
) -> None:
    case = make_case("approved", decided_by=colleague, note="Como foi.")

    answer = press(browser, case, "save", {"note": "Outra.", "last_seen": 0})

    assert answer.status_code == 409
    case.refresh_from_db()
    assert case.note == "Como foi."


def test_second_implant_is_added_without_losing_what_was_typed(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()

    answer = press(browser, case, "add-finding", filled_in(case, {"note": "Primeiro."}))

    first, second = case.findings.all()
    assert answer.url == f"{QUEUE}{case.pk}/change/#finding-{second.pk}"
    assert first.note == "Primeiro."
    assert [job["finding_id"] for job in jobs("cases.search_finding")] == [second.pk]


def test_finding_is_removed_without_losing_the_others(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    second = Finding.objects.create(case=case)
    unfinished = {"verdict": "identified", "note": "Não conta."}

    sent = filled_in(case, {"note": "Fica."}, unfinished)
    press(browser, case, f"remove-finding/{second.pk}", sent)

    assert [finding.note for finding in case.findings.all()] == ["Fica."]


def test_last_finding_stays(browser: Client, make_case: Callable[..., Case]) -> None:
    case = make_case()
    only = case.findings.get()

    answer = press(browser, case, f"remove-finding/{only.pk}", filled_in(case, {}))

    assert answer.status_code == 400 and errors(answer)
    assert case.findings.get() == only


def test_finding_of_another_case_can_not_be_removed(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case, other = make_case(), make_case()
    Finding.objects.create(case=case)
    foreign = other.findings.get()
    Finding.objects.create(case=other)

    sent = filled_in(case, {}, {})
    answer = press(browser, case, f"remove-finding/{foreign.pk}", sent)

    assert answer.status_code == 409
    assert other.findings.count() == 2


def test_reject_needs_a_reason_and_other_needs_words(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    sent = filled_in(case, {"note": "Escrito."})

    assert press(browser, case, "reject", sent).status_code == 400
    answer = press(browser, case, "reject", {**sent, "rejection-reason": "other"})
    assert answer.status_code == 400 and "Escrito." in answer.content.decode()
    case.refresh_from_db()
    assert case.state == "pending"

    reason = {"rejection-reason": "other", "rejection-text": "Outro paciente."}
    assert press(browser, case, "reject", {**sent, **reason}).url == QUEUE
    case.refresh_from_db()
    assert (case.state, case.decided_by) == ("rejected", reviewer)
    assert (case.rejection_reason, case.rejection_text) == ("other", "Outro paciente.")


def test_case_is_put_off_and_comes_back(browser: Client, make_case: Callable[..., Case]) -> None:
    case, waiting = make_case(), make_case()
    sent = filled_in(case, {"note": "Depois."})

    assert press(browser, case, "postpone", sent).status_code == 400
    answer = press(browser, case, "postpone", {**sent, "postponement-delay": "week"})

    assert answer.url == f"{QUEUE}{waiting.pk}/change/"
    case.refresh_from_db()
    assert case.postponed_until is not None
    left = case.postponed_until - timezone.now()
    assert timedelta(days=6) < left < timedelta(days=8)
    assert case.findings.get().note == "Depois."


def test_analyse_again_asks_for_a_job_and_for_files_that_failed(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case(problem="no_usable_image")
    case.images.update(state="refused", refusal="login_required", file="")

    press(browser, case, "analyze", filled_in(case, {"note": "Fica."}))

    assert [job["case_id"] for job in jobs("cases.analyze_case")] == [case.pk]
    assert CaseImage.objects.get(case=case).state == "waiting"
    assert case.findings.get().note == "Fica."
    assert browser.get(f"{QUEUE}{case.pk}/change/").context["is_analyzing"]


def test_failed_answer_is_sent_again(browser: Client, make_case: Callable[..., Case]) -> None:
    case = make_case()
    press(browser, case, "approve", filled_in(case, {"verdict": "not_in_catalogue"}))
    page = f"{QUEUE}{case.pk}/change/"
    assert not browser.get(page).context["can_send_again"]
    Delivery.objects.update(state="failed", reason="not_found", started_at=timezone.now())
    assert browser.get(page).context["can_send_again"]

    press(browser, case, "send-again")

    assert [row.state for row in case.deliveries.all()] == ["failed", "queued"]
    assert len(jobs("cases.deliver")) == 2


BUTTONS = (
    "save", "approve", "reject", "reopen", "postpone", "analyze", "add-finding",
    "remove-finding/1", "send-again", "leave-altered",
)  # fmt: skip


@pytest.mark.parametrize("group", ["Curadores", "Leitores"])
def test_only_reviewers_decide(make_case: Callable[..., Case], group: str) -> None:
    case = make_case()
    browser = logged_in(person("outra", group))

    for button in BUTTONS:
        assert press(browser, case, button).status_code == 403, button
    page = browser.get(f"{QUEUE}{case.pk}/change/")
    assert page.status_code == (200 if group == "Leitores" else 403)
    if group == "Leitores":
        assert not page.context["has_form"] and "/approve/" not in page.content.decode()
    case.refresh_from_db()
    assert (case.state, case.events.count()) == ("pending", 0)


def test_strangers_are_asked_to_log_in(make_case: Callable[..., Case]) -> None:
    case = make_case()

    for button in BUTTONS:
        assert "/admin/login/" in press(Client(), case, button).url


def test_buttons_refuse_forged_forms_and_do_nothing_on_get(
    reviewer: User, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reviewer)

    for button in BUTTONS:
        assert press(strict, case, button).status_code == 403, button
        answer = strict.get(f"{QUEUE}{case.pk}/{button}/")
        assert answer.url == f"{QUEUE}{case.pk}/change/"  # type: ignore[attr-defined]
    assert case.events.count() == 0


def test_keep_takes_an_edited_case_out_of_the_queue(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    case = review.reject(make_case(), reviewer, reason="duplicate")
    Case.objects.update(changed_after_decision=True)
    assert b"/keep/" in browser.get(f"{QUEUE}{case.pk}/change/").content
    press(browser, case, "keep")
    case.refresh_from_db()
    assert (case.state, case.changed_after_decision) == ("rejected", False)
    assert b"/keep/" not in browser.get(f"{QUEUE}{case.pk}/change/").content


def test_a_rejection_without_its_text_stays_filled_in(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    sent = {**filled_in(case, {}), "rejection-reason": "other", "rejection-text": " "}
    answer = press(browser, case, "reject", sent)
    assert answer.status_code == 400
    page = answer.content.decode()
    chosen = page[page.index('value="other" ', page.index("rejection-reason")) :][:80]
    assert "checked" in chosen
    case.refresh_from_db()
    assert case.state == "pending"
