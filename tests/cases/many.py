"""A queue of any length, written by bulk_create as no person could send it."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from cases.models import Case, CaseImage, Delivery, Finding, Result, Search
from implants.models import DIMENSIONS, Encoder, Implant
from webhooks.models import JotformForm

WORDS: Final = ("high", "medium", "low", "out_of_catalogue", None)
PROBLEMS: Final = ("", "", "", "", "", "", "", "", "analysis_failed", "no_usable_image")
_VECTOR: Final = [1.0] + [0.0] * (DIMENSIONS - 1)
_CHUNK: Final = 2000


def make_many(
    count: int,
    form: JotformForm,
    implants: list[Implant],
    encoder: Encoder,
    *,
    decided_by: User | None = None,
    start: int = 0,
) -> list[Case]:
    """`count` cases with a finding, an image, a search and its results each, all words and ages.

    They wait; with `decided_by` they are approved, one a quarter of an hour until now, and their
    answers sent. `start` numbers their submissions.
    """
    now = timezone.now()
    cases = Case.objects.bulk_create(
        (_case(start + number, form, decided_by) for number in range(count)), _CHUNK
    )
    for number, case in enumerate(cases):
        case.created_at = now - timedelta(minutes=15 * (number + 1))
    Case.objects.bulk_update(cases, ["created_at"], _CHUNK)
    images = CaseImage.objects.bulk_create(
        (CaseImage(case=case, url="https://a/b", state="stored", file="uploads/x.png")
         for case in cases), _CHUNK,
    )  # fmt: skip
    findings = Finding.objects.bulk_create(
        (Finding(case=case, tooth=case.tooth, **_verdict(implants, decided_by)) for case in cases),
        _CHUNK,
    )
    searches = Search.objects.bulk_create(
        (_search(number, finding, image, encoder)
         for number, (finding, image) in enumerate(zip(findings, images, strict=True))), _CHUNK,
    )  # fmt: skip
    Result.objects.bulk_create(
        (Result(search=search, rank=rank, implant=implant, similarity=0.9 - rank / 10)
         for search in searches for rank, implant in enumerate(implants[:3], 1)), _CHUNK,
    )  # fmt: skip
    if decided_by:
        _deliver(cases)
    return cases


def _case(number: int, form: JotformForm, decided_by: User | None) -> Case:
    case = Case(
        form=form, submission_id=f"{form.pk}-{Case.State.APPROVED if decided_by else 'p'}-{number}",
        dentist_name=f"Ana Dias {number}", patient="B. F.", tooth=str(11 + number % 38),
        problem=PROBLEMS[number % len(PROBLEMS)], state=Case.State.PENDING,
    )  # fmt: skip
    if decided_by:
        case.state, case.decided_by = Case.State.APPROVED, decided_by
        case.decided_at = timezone.now() - timedelta(minutes=15 * number)
        case.decision_id = UUID(int=number + 1)
    return case


def _verdict(implants: list[Implant], decided_by: User | None) -> dict[str, object]:
    return {"verdict": "identified", "implant": implants[0]} if decided_by else {}


def _search(number: int, finding: Finding, image: CaseImage, encoder: Encoder) -> Search:
    return Search(
        finding=finding, image=image, encoder=encoder, embedding=_VECTOR,
        confidence=WORDS[number % len(WORDS)],
    )  # fmt: skip


def _deliver(cases: list[Case]) -> None:
    Delivery.objects.bulk_create(
        (Delivery(case=case, decision_id=case.decision_id, state="sent", text="x")
         for case in cases), _CHUNK,
    )  # fmt: skip
