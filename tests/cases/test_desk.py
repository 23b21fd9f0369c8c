"""What the script of a case's page asks of the server: to save, and for the catalogue."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cases import review, worksheet
from cases.admin.comparison import comparison, reference_strips
from cases.models import Case, Delivery
from implants.models import Implant
from tests.cases.test_admin_actions import filled_in, press
from tests.factories import ReferenceImageFactory
from tests.people import logged_in, person

QUEUE = "/admin/cases/case/"
MakeCase = Callable[..., Case]


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


def autosave(browser: Client, case: Case, sent: dict[str, Any]) -> Any:
    return browser.post(f"{QUEUE}{case.pk}/save/", sent, headers={"Accept": "application/json"})


def test_autosave_keeps_the_sheet_and_tells_what_was_seen(
    browser: Client, make_case: MakeCase, implants: list[Implant]
) -> None:
    case = make_case()
    said = {"verdict": "probable", "pick": implants[0].pk, "note": "Rascunho."}
    answer = autosave(browser, case, filled_in(case, said, note="Olá."))
    now = timezone.localtime().strftime("%H:")
    assert answer.status_code == 200 and answer.json()["text"].startswith(f"Salvo às {now}")
    assert answer.json()["last_seen"] == worksheet.last_event_id(case)
    case.refresh_from_db()
    assert (case.note, case.findings.get().note, case.state) == ("Olá.", "Rascunho.", "pending")
    assert not Delivery.objects.exists()


def test_autosave_of_something_unfinished_keeps_nothing_and_says_so(
    browser: Client, make_case: MakeCase
) -> None:
    case = make_case()
    answer = autosave(browser, case, filled_in(case, {"verdict": "identified", "note": "x"}))
    assert answer.status_code == 400 and answer.json()["text"]
    assert case.findings.get().note == ""


def test_autosave_tells_of_a_conflict_and_changes_nothing(
    browser: Client, make_case: MakeCase
) -> None:
    case = make_case()
    mine = filled_in(case, {"verdict": "not_in_catalogue"})
    rita = person("rita", "Revisores")
    review.set_verdict(case.findings.get(), rita, verdict="not_identifiable", implant=None)
    answer = autosave(browser, case, mine)
    assert answer.status_code == 409 and "Rita" in answer.json()["text"]
    assert case.findings.get().verdict == "not_identifiable"


def test_autosave_without_a_session_leads_to_the_log_in(make_case: MakeCase) -> None:
    answer = autosave(Client(), make_case(), {})
    assert answer.status_code == 302 and "/admin/login/" in answer.url


def test_catalogue_for_the_finder_holds_every_name(
    browser: Client, implants: list[Implant]
) -> None:
    Implant.objects.filter(pk=implants[2].pk).update(aliases=["Cilíndrico"], is_demo=True)
    rows = browser.get(f"{QUEUE}catalogue/").json()["implants"]
    assert len(rows) == 4
    assert [implants[2].pk, "Neodent", "Titamax HE", ["Cilíndrico"], True] in rows


def test_catalogue_for_the_finder_is_for_reviewers(implants: list[Implant]) -> None:
    reader = logged_in(person("leitora", "Leitores"))
    assert reader.get(f"{QUEUE}catalogue/").status_code == 403


def test_features_are_read_across_and_differences_marked(implants: list[Implant]) -> None:
    first, second, third = implants[:3]
    first.connection, first.connection_detail, first.body = "conical", "16°", "tapered"
    second.connection, second.body, second.apex = "internal_hex", "tapered", "flat"
    first.thread, second.thread, first.microthread = "rosca em lâmina", "rosca em V", True
    first.diameters_mm = [Decimal("3.50"), Decimal("4.00")]
    second.diameters_mm = [Decimal("4.00")]

    rows = {row.label: row for row in comparison([first, second, third])}

    assert rows["conexão"].differs and rows["conexão"].values[2] == ""
    assert rows["conexão"].values[0].endswith(", 16°")
    assert not rows["corpo"].differs and not rows["ápice"].differs
    assert rows["rosca"].values[:2] == ["em lâmina, com microrrosca", "em V"]
    assert rows["diâmetros"].values == ["3,5 · 4 mm", "4 mm", ""]
    assert not rows["diâmetros"].differs, "an uncalibrated film does not tell them"
    assert "plataforma" not in rows


def test_strips_show_the_first_references_and_count_them_all(
    implants: list[Implant], django_assert_num_queries: Any
) -> None:
    many = [ReferenceImageFactory.create(implant=implants[0]).pk for _ in range(8)]
    one = ReferenceImageFactory.create(implant=implants[1]).pk
    with django_assert_num_queries(1):
        strips = reference_strips([implant.pk for implant in implants])
    assert (strips[implants[0].pk].references, strips[implants[0].pk].total) == (many[:5], 8)
    assert strips[implants[1].pk].references == [one]
    assert implants[2].pk not in strips


def undo_after(browser: Client, case: Case, **changes: Any) -> Any:
    press(browser, case, "reject", {"rejection-reason": "duplicate"})
    Delivery.objects.filter(case=case).update(**changes)
    return browser.get(QUEUE).context["undo"]


def test_undo_counts_down_to_the_moment_the_answer_goes(
    browser: Client, make_case: MakeCase
) -> None:
    due = timezone.now() + timedelta(seconds=21)
    undo = undo_after(browser, make_case(), due_at=due)
    assert 15 < undo.seconds_left <= 21 and not undo.waits


@pytest.mark.parametrize(
    "changes",
    [
        {"due_at": timezone.now() - timedelta(seconds=1)},
        {"started_at": timezone.now()},
        {"state": "sent", "started_at": timezone.now()},
    ],
)
def test_undo_promises_nothing_once_the_answer_may_be_on_its_way(
    browser: Client, make_case: MakeCase, changes: dict[str, Any]
) -> None:
    undo = undo_after(browser, make_case(), **changes)
    assert undo.due_at is None and not undo.waits


def test_undo_says_that_a_held_answer_waits(browser: Client, make_case: MakeCase) -> None:
    assert undo_after(browser, make_case(), state="waiting", reason="paused").waits


def test_undo_is_offered_for_a_while_and_to_its_decider_only(
    browser: Client, make_case: MakeCase
) -> None:
    case = make_case()
    assert undo_after(browser, case).case == case
    Case.objects.update(decided_at=timezone.now() - timedelta(minutes=16))
    assert browser.get(QUEUE).context["undo"] is None


def test_undo_ends_when_somebody_else_decided_since(browser: Client, make_case: MakeCase) -> None:
    case = make_case()
    undo_after(browser, case)
    rita = person("rita", "Revisores")
    review.reopen(case, rita)
    review.reject(case, rita, reason="duplicate")
    assert browser.get(QUEUE).context["undo"] is None
