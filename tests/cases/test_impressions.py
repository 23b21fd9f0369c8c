"""Looking first without suggestions: nothing is sent before she has noted what she sees herself."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from cases import claims, impressions, review, worksheet
from cases.models import Case, FirstImpression, ReviewerPreferences, Search
from implants.models import Implant
from tests.api.conftest import PASSWORD, log_in
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]
AddSearch = Callable[..., Search]


@pytest.fixture
def brenda(db: None) -> User:
    """A reviewer who looks first without suggestions."""
    user = person("brenda", "Revisores")
    ReviewerPreferences.objects.create(user=user, sees_suggestions_later=True)
    return user


@pytest.fixture
def rita(db: None) -> User:
    return person("rita", "Revisores")


@pytest.fixture
def case(make_case: MakeCase, add_search: AddSearch, implants: list[Implant]) -> Case:
    """A waiting case whose first suggestion is “Grand Morse Helix”."""
    case = make_case()
    search = add_search(
        case.findings.get(), case.images.get(), (implants[1], 0.91), (implants[2], 0.82)
    )
    case.events.create(kind="analyzed", data={"encoder": "test-encoder", "best": [search.pk]})
    return case


def address(case: Case, name: str = "change") -> str:
    return f"/admin/cases/case/{case.pk}/{name}/"


def of_finding(case: Case, name: str) -> str:
    return address(case, f"findings/{case.findings.get().pk}/{name}")


def noted(case: Case, kind: str, **fields: object) -> dict[str, object]:
    prefix = f"impression-{case.findings.get().pk}"
    return {f"{prefix}-kind": kind, **{f"{prefix}-{name}": v for name, v in fields.items()}}


def seen(user: User, case: Case) -> str:
    """What her browser gets of a case: its page, and the part that comes later.

    But for the list of the whole catalogue, from which she chooses her impression.
    """
    browser = logged_in(user)
    page = browser.get(address(case)).content.decode()
    part = browser.get(of_finding(case, "candidates")).json()["html"]
    return re.sub(r"<option.*?</option>", "", page + part, flags=re.DOTALL)


def test_nothing_of_the_suggestions_is_sent_before_the_first_impression(
    case: Case, brenda: User, rita: User
) -> None:
    hidden, shown = seen(brenda, case), seen(rita, case)
    for word in ("Grand Morse Helix", "Titamax HE", "0,91"):
        assert word in shown
        assert word not in hidden


def test_they_come_with_the_impression(case: Case, brenda: User, implants: list[Implant]) -> None:
    answer = logged_in(brenda).post(
        of_finding(case, "impression"),
        noted(case, "implant", implant=implants[0].pk),
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 201
    assert "Grand Morse Helix" in seen(brenda, case)
    impression = FirstImpression.objects.get()
    assert (impression.implant, impression.suggested) == (implants[0], implants[1])
    assert impression.agrees is False


def test_a_manufacturer_alone_and_not_knowing_are_impressions_too(
    case: Case, brenda: User, rita: User, implants: list[Implant]
) -> None:
    maker, finding = implants[0].manufacturer, case.findings.get()
    alone = impressions.note(finding, brenda, manufacturer=maker)
    unknown = impressions.note(finding, rita)
    assert (alone.agrees, unknown.agrees) == (True, None)


def test_the_first_impression_stays_the_first(
    case: Case, brenda: User, implants: list[Implant]
) -> None:
    finding = case.findings.get()
    impressions.note(finding, brenda, implant=implants[0])
    again = impressions.note(finding, brenda, implant=implants[1])
    assert again.implant == implants[0]
    assert case.events.filter(kind="impression_noted").count() == 1


@pytest.mark.parametrize(
    "sent", [{}, {"kind": "implant"}, {"kind": "manufacturer"}, {"kind": "both"}]
)
def test_an_incomplete_impression_is_refused_and_shows_nothing(
    case: Case, brenda: User, sent: dict[str, str]
) -> None:
    form = noted(case, sent["kind"]) if sent else {}
    answer = logged_in(brenda).post(
        of_finding(case, "impression"), form, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 400 and answer.json()["message"]
    assert not FirstImpression.objects.exists()


def test_the_form_works_without_javascript(case: Case, brenda: User) -> None:
    answer = logged_in(brenda).post(of_finding(case, "impression"), noted(case, "unknown"))
    assert answer["Location"] == address(case) + f"#finding-{case.findings.get().pk}"
    assert FirstImpression.objects.get().user == brenda


def test_the_timeline_tells_it_and_keeps_the_suggestion_from_others_who_look_first(
    case: Case, brenda: User, rita: User, implants: list[Implant]
) -> None:
    impressions.note(case.findings.get(), rita, implant=implants[3])
    assert "Alvim CM, a primeira sugestão foi Neodent Grand Morse Helix" in seen(rita, case)
    hidden = seen(brenda, case)
    assert "Alvim CM" in hidden and "Grand Morse Helix" not in hidden


def test_the_answer_that_names_the_others_waits_for_the_impression_too(
    case: Case, brenda: User, implants: list[Implant]
) -> None:
    browser, finding = logged_in(brenda), case.findings.get()
    name = f"finding-{finding.pk}"
    form = {
        "last_seen": worksheet.last_event_id(case), "note": "", f"{name}-verdict": "identified",
        f"{name}-pick": "other", f"{name}-other": implants[3].pk, f"{name}-tooth": "44",
        f"{name}-note": "",
    }  # fmt: skip
    shown = browser.post(address(case, "preview"), form).content.decode()
    assert "Anote antes a sua primeira impressão" in shown and "Grand Morse Helix" not in shown
    assert browser.post(address(case, "approve"), form).status_code == 400
    case.refresh_from_db()
    assert case.state == "pending"
    impressions.note(finding, brenda)
    assert "Grand Morse Helix" in browser.post(address(case, "preview"), form).content.decode()
    assert browser.post(address(case, "approve"), form).status_code == 302


def test_a_decided_case_hides_nothing(case: Case, brenda: User, rita: User) -> None:
    review.reject(case, rita, reason="duplicate")
    case.refresh_from_db()
    assert impressions.may_see_suggestions(brenda, case.findings.get())
    assert "Grand Morse Helix" in logged_in(brenda).get(address(case)).content.decode()


def test_the_program_that_asks_in_her_name_gets_no_suggestions_either(
    case: Case, brenda: User, rita: User
) -> None:
    for user in (brenda, rita):
        user.set_password(PASSWORD)
        user.save()
    results = [
        log_in(user).get(f"/cases/{case.pk}").json()["findings"][0]["results"]
        for user in (brenda, rita)
    ]
    assert [len(found) for found in results] == [0, 2]
    assert b"Grand Morse Helix" not in log_in(brenda).get("/cases").content


def test_program_that_approves_in_her_name_waits_for_the_impression_too(
    case: Case, brenda: User, implants: list[Implant]
) -> None:
    brenda.set_password(PASSWORD)
    brenda.save()
    finding = case.findings.get()
    verdict = {"id": finding.pk, "verdict": "identified", "implant_id": implants[0].pk}
    program = log_in(brenda)

    def approve() -> Any:
        body = {"findings": [verdict]}
        return program.post(f"/cases/{case.pk}/approve", body, format="json")

    refused = approve()
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_decision")
    case.refresh_from_db()
    assert case.state == "pending" and not case.findings.get().verdict
    impressions.note(finding, brenda)
    assert approve().status_code == 200


def test_who_has_not_got_the_case_notes_nothing(case: Case, brenda: User, rita: User) -> None:
    claims.claim(case, rita)
    answer = logged_in(brenda).post(
        of_finding(case, "impression"),
        noted(case, "unknown"),
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 409 and "Rita" in answer.json()["message"]
    assert not FirstImpression.objects.exists()


def test_one_impression_of_a_finding_and_person_and_never_both_kinds(
    case: Case, brenda: User, implants: list[Implant]
) -> None:
    finding, maker = case.findings.get(), implants[0].manufacturer
    FirstImpression.objects.create(finding=finding, user=brenda)
    with pytest.raises(IntegrityError), transaction.atomic():
        FirstImpression.objects.create(finding=finding, user=brenda)
    with pytest.raises(IntegrityError), transaction.atomic():
        FirstImpression.objects.update(implant=implants[0], manufacturer=maker)
    with pytest.raises(ValueError, match="alone"):
        impressions.note(finding, brenda, implant=implants[0], manufacturer=maker)


def test_she_switches_it_on_and_off_herself(rita: User) -> None:
    browser = logged_in(rita)
    front = browser.get("/admin/").content.decode()
    assert '<a href="/admin/preferences/">Preferências</a>' in front
    others = {"case_mails": "none"}
    browser.post("/admin/preferences/", {"sees_suggestions_later": "on", **others})
    assert impressions.looks_first(rita)
    assert b'id="id_sees_suggestions_later" checked' in browser.get("/admin/preferences/").content
    browser.post("/admin/preferences/", others)
    assert not impressions.looks_first(rita)
