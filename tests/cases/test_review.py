"""Decisions: whole, by one person, and never lost."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from cases import review
from cases.models import Case, CaseImage, Delivery, Finding
from implants.models import Implant
from tests.cases.conftest import jobs

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]


def approve(case: Case, who: User, implant: Implant, **options: Any) -> Case:
    finding = case.findings.get()
    review.set_verdict(finding, who, verdict="identified", implant=implant)
    return review.approve(case, who, **options)


def kinds(case: Case) -> list[str]:
    return list(case.events.values_list("kind", flat=True))


def test_approve_decides_and_queues_the_answer(
    make_case: MakeCase, brenda: User, implants: list[Implant]
) -> None:
    case = approve(make_case(), brenda, implants[0], note=" Boa imagem. ")
    assert (case.state, case.decided_by, case.note) == ("approved", brenda, "Boa imagem.")
    row = Delivery.objects.get()
    assert (row.state, row.decision_id) == ("queued", case.decision_id)
    assert "Neodent Drive CM" in row.text
    assert jobs("cases.deliver")[0]["decision_id"] == str(case.decision_id)
    assert kinds(case) == ["finding_changed", "approved", "delivery_queued"]


def test_approve_waits_for_every_verdict(
    make_case: MakeCase, brenda: User, implants: list[Implant]
) -> None:
    case = make_case()
    review.add_finding(case, brenda, tooth="45")
    review.set_verdict(case.findings.all()[0], brenda, verdict="identified", implant=implants[0])
    with pytest.raises(review.VerdictMissing):
        review.approve(case, brenda)
    assert Case.objects.get().state == "pending"
    assert not Delivery.objects.exists()


def test_the_second_reviewer_is_told_who_was_first(
    make_case: MakeCase, brenda: User, rita: User, implants: list[Implant]
) -> None:
    case = make_case()
    approve(case, brenda, implants[0])
    with pytest.raises(review.Conflict, match="Brenda"):
        review.reject(case, rita, reason="duplicate")
    assert Case.objects.get().decided_by == brenda


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once_make_one_decision(
    make_case: MakeCase, brenda: User, rita: User, implants: list[Implant]
) -> None:
    case = make_case()
    review.set_verdict(case.findings.get(), brenda, verdict="identified", implant=implants[0])
    barrier, outcomes = threading.Barrier(2), []

    def decide(act: Callable[[], Case]) -> None:
        barrier.wait()
        try:
            outcomes.append(act().state)
        except review.Conflict:
            outcomes.append("conflict")
        connection.close()

    acts = [
        lambda: review.approve(case, brenda),
        lambda: review.reject(case, rita, reason="duplicate"),
    ]
    threads = [threading.Thread(target=decide, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("conflict") == 1
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("state", ["received", "analyzing"])
def test_a_case_that_is_not_pending_can_not_be_decided(
    make_case: MakeCase, brenda: User, state: str
) -> None:
    with pytest.raises(review.Conflict):
        review.reject(make_case(state), brenda, reason="duplicate")


@pytest.mark.parametrize(("reason", "text"), [("", ""), ("nonsense", ""), ("other", "  ")])
def test_reject_needs_a_reason(make_case: MakeCase, brenda: User, reason: str, text: str) -> None:
    with pytest.raises(review.InvalidDecision):
        review.reject(make_case(), brenda, reason=reason, text=text)
    assert Case.objects.get().state == "pending"


def test_reject_queues_its_answer(make_case: MakeCase, brenda: User) -> None:
    case = review.reject(make_case(), brenda, reason="new_film_needed", text="Está tremida.")
    assert (case.state, case.rejection_reason) == ("rejected", "new_film_needed")
    assert "Está tremida." in Delivery.objects.get().text


@pytest.mark.parametrize(
    ("verdict", "has_implant"),
    [
        ("identified", False), ("probable", False), ("not_in_catalogue", True),
        ("not_identifiable", True), ("", True), ("nonsense", True),
    ],
)  # fmt: skip
def test_a_verdict_and_its_implant_must_fit(
    make_case: MakeCase, brenda: User, implants: list[Implant], verdict: str, has_implant: bool
) -> None:
    finding = make_case().findings.get()
    implant = implants[0] if has_implant else None
    with pytest.raises(review.InvalidDecision):
        review.set_verdict(finding, brenda, verdict=verdict, implant=implant)
    assert Finding.objects.get().verdict == ""


def test_reopen_within_the_grace_cancels_the_answer(
    make_case: MakeCase, brenda: User, implants: list[Implant]
) -> None:
    case = review.reopen(approve(make_case(), brenda, implants[0]), brenda)
    assert (case.state, case.decided_by, case.decision_id) == ("pending", None, None)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("cancelled", "undone")
    assert case.findings.get().implant == implants[0]


def test_reopen_leaves_an_answer_alone_that_is_being_written(
    make_case: MakeCase, brenda: User, implants: list[Implant]
) -> None:
    case = approve(make_case(), brenda, implants[0])
    Delivery.objects.update(started_at=timezone.now())
    review.reopen(case, brenda)
    assert Delivery.objects.get().state == "queued"


def test_reopen_analyses_images_that_came_after_the_decision(
    make_case: MakeCase, brenda: User, implants: list[Implant]
) -> None:
    case = approve(make_case(changed_after_decision=True), brenda, implants[0])
    CaseImage.objects.create(case=case, url="https://www.jotform.com/uploads/new.png")
    case = review.reopen(case, brenda)
    assert not case.changed_after_decision
    assert len(jobs("cases.analyze_case")) == 1


def test_keep_decision_ends_the_attention_and_nothing_else(
    make_case: MakeCase, brenda: User, implants: list[Implant]
) -> None:
    case = approve(make_case(), brenda, implants[0])
    Case.objects.update(changed_after_decision=True)
    kept = review.keep_decision(case, brenda)
    assert not kept.changed_after_decision
    assert (kept.state, kept.decision_id) == ("approved", case.decision_id)
    with pytest.raises(review.Conflict):
        review.keep_decision(case, brenda)


def test_reopen_of_a_pending_case_is_a_conflict(make_case: MakeCase, brenda: User) -> None:
    with pytest.raises(review.Conflict):
        review.reopen(make_case(), brenda)


def test_postpone_hides_until_its_time(make_case: MakeCase, brenda: User) -> None:
    case = review.postpone(make_case(), brenda, until=timezone.now() + timedelta(hours=1))
    assert case.is_postponed
    case.postponed_until = timezone.now() - timedelta(seconds=1)
    assert not case.is_postponed


def test_a_decision_ends_a_postponement(make_case: MakeCase, brenda: User) -> None:
    case = make_case(postponed_until=timezone.now() + timedelta(hours=1))
    assert review.reject(case, brenda, reason="duplicate").postponed_until is None


def test_the_last_finding_stays(make_case: MakeCase, brenda: User) -> None:
    case = make_case()
    second = review.add_finding(case, brenda, tooth="45")
    review.remove_finding(second, brenda)
    with pytest.raises(review.InvalidDecision):
        review.remove_finding(case.findings.get(), brenda)


def test_a_new_finding_is_searched(make_case: MakeCase, brenda: User) -> None:
    case = make_case()
    added = review.add_finding(case, brenda, tooth="45")
    assert [job["finding_id"] for job in jobs("cases.search_finding")] == [added.pk]


def test_request_analysis_tries_failed_downloads_again(make_case: MakeCase, brenda: User) -> None:
    case = make_case()
    for name, refusal in (("a", "download_failed"), ("b", "not_an_image")):
        CaseImage.objects.create(case=case, url=name, state="refused", refusal=refusal)
    review.request_analysis(case, brenda)
    assert case.images.get(url="a").state == "waiting"
    assert case.images.get(url="b").state == "refused"
    assert len(jobs("cases.analyze_case")) == 1


def test_the_database_keeps_decisions_whole(make_case: MakeCase, brenda: User) -> None:
    case = make_case()
    broken: list[dict[str, Any]] = [
        {"state": "approved"},
        {"decided_by": brenda},
        {"state": "rejected", "decided_by": brenda, "decided_at": timezone.now()},
    ]
    for fields in broken:
        with pytest.raises(IntegrityError), transaction.atomic():
            Case.objects.filter(pk=case.pk).update(**fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        case.findings.update(verdict="identified", implant=None)
