"""What the page of a case shows."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.functional import Promise

from cases import answers, delivery
from cases.admin.advice import PROBLEM_ADVICE, REFUSAL_ADVICE
from cases.admin.doubts import Undecided, groups_on_page, image_concerns, undecided
from cases.admin.impression_form import ImpressionForm
from cases.admin.timeline import timeline
from cases.candidates import Candidate, shortlists_of
from cases.finding_search import SearchState, search_states
from cases.forms import Desk, FindingForm
from cases.impressions import as_seen_by
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding
from cases.waiting import next_waiting, waiting_cases
from cases.worksheet import last_event_id
from implants.attributes import known_attributes
from implants.look_alikes import Groups, look_alikes_of

Kind = CaseEvent.Kind
_ANALYSIS_ASKED = (Kind.ANALYSIS_REQUESTED, Kind.ANALYSIS_STARTED)
_ANALYSIS_OVER = (Kind.ANALYZED, Kind.ANALYSIS_FAILED)


@dataclass(frozen=True)
class Card:
    """A candidate, what tells it apart, and the names of those that look like it."""

    candidate: Candidate
    attributes: list[tuple[str, str]]
    look_alikes: str
    is_picked: bool


@dataclass(frozen=True)
class Panel:
    """A finding, its form, its candidates, and what the film leaves open."""

    finding: Finding
    form: FindingForm
    cards: list[Card]
    undecided: list[Undecided]
    impression: ImpressionForm
    search: SearchState


@dataclass(frozen=True)
class RefusedImage:
    """A file that was not taken, why, and what can be done."""

    image: CaseImage
    advice: Promise


def build_desk(case: Case, user: User, data: Any = None) -> Desk:
    """The forms of the case for `user`, with its candidates; with `data` if she sent some."""
    findings = list(case.findings.select_related("case", "implant__manufacturer"))
    shortlists = as_seen_by(user, findings, shortlists_of(findings))
    rows = [(finding, shortlists[finding.pk]) for finding in findings]
    return Desk(case, rows, last_event_id(case), data)


def case_context(case: Case, user: User, desk: Desk) -> dict[str, Any]:
    """Everything the template shows `user` of the case."""
    groups = groups_on_page((form.finding, form.shortlist) for form in desk.finding_forms)
    searches = search_states(case)
    panels = [
        _panel(form, groups, searches.get(form.finding.pk, SearchState()))
        for form in desk.finding_forms
    ]
    images = _images(case.images.all())
    deliveries = list(case.deliveries.order_by("-pk"))
    following = next_waiting(case, user)
    return {
        "case": case,
        "desk": desk,
        "panels": panels,
        "encoders": sorted({card.candidate.encoder for panel in panels for card in panel.cards}),
        "lacking": _lacking(case),
        "problem_advice": PROBLEM_ADVICE.get(case.problem, ""),
        "is_analyzing": _is_analyzing(case),
        "timeline": timeline(case, user),
        "deliveries": deliveries,
        "can_send_again": _can_send_again(case, deliveries),
        "answer": _answer(case, panels, deliveries),
        "next_case": following,
        "waiting_count": waiting_cases().count(),
        "grace_seconds": settings.DELIVERY_GRACE_SECONDS,
        "image_concerns": image_concerns(
            images["images"], [form.shortlist for form in desk.finding_forms]
        ),
        **images,
    }


def _lacking(case: Case) -> int:
    """How many references the latest analysis could not compare: their vectors were not made."""
    last = case.events.filter(kind=CaseEvent.Kind.ANALYZED).last()
    return int(last.data.get("lacking", 0)) if last else 0


def _panel(form: FindingForm, groups: Groups, search: SearchState) -> Panel:
    cards = [
        Card(
            candidate=found,
            attributes=known_attributes(found.implant),
            look_alikes=look_alikes_of(found.implant, groups),
            is_picked=form.picked == str(found.implant.pk),
        )
        for found in form.shortlist.candidates
    ]
    return Panel(
        finding=form.finding,
        form=form,
        cards=cards,
        undecided=undecided(form.finding, form.shortlist, groups),
        impression=ImpressionForm(form.finding),
        search=search,
    )


def _images(images: QuerySet[CaseImage]) -> dict[str, Any]:
    by_state: dict[str, list[CaseImage]] = {state: [] for state in CaseImage.State.values}
    for image in images:
        by_state[image.state].append(image)
    refused = by_state[CaseImage.State.REFUSED]
    return {
        "images": by_state[CaseImage.State.STORED],
        "refused": [RefusedImage(image, REFUSAL_ADVICE[image.refusal]) for image in refused],
        "files_to_come": len(by_state[CaseImage.State.WAITING]),
        "files_deleted": len(by_state[CaseImage.State.DELETED]),
    }


def _is_analyzing(case: Case) -> bool:
    """Whether an analysis was asked for and has not come back."""
    if case.is_decided:
        return False
    about = case.events.filter(kind__in=[*_ANALYSIS_ASKED, *_ANALYSIS_OVER]).order_by("-pk")
    return about.values_list("kind", flat=True).first() in _ANALYSIS_ASKED


def _can_send_again(case: Case, deliveries: list[Delivery]) -> bool:
    """Whether the answer of the decision that stands has failed for good."""
    answers_ = [row for row in deliveries if row.decision_id == case.decision_id]
    return case.is_decided and bool(answers_) and answers_[0].state == Delivery.State.FAILED


def _answer(case: Case, panels: list[Panel], deliveries: list[Delivery]) -> str:
    """The text for the dentist: as it was written, or as approving the saved sheet would write it.

    Empty while a finding has no verdict.
    """
    if case.is_decided:
        written = [row.text for row in deliveries if row.decision_id == case.decision_id]
        return written[0] if written else answers.answer_text(case)
    if case.state != Case.State.PENDING or not all(panel.finding.verdict for panel in panels):
        return ""
    text = answers.answer_text(case)
    return answers.as_correction(text) if delivery.may_have_been_read(case) else text
