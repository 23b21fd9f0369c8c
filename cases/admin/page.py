"""What the page of a case shows."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.functional import Promise

from cases import answers
from cases.admin import preview
from cases.admin.advice import PROBLEM_ADVICE, REFUSAL_ADVICE
from cases.admin.comparison import Row, Strip, comparison, reference_strips
from cases.admin.doubts import Undecided, groups_on_page, image_concerns, undecided
from cases.admin.impression_form import ImpressionForm
from cases.admin.keys import key_texts
from cases.admin.timeline import timeline
from cases.candidates import Candidate, shortlists_of
from cases.contradictions import contradicted
from cases.disagreement import is_gone, was_altered
from cases.finding_search import SearchState, search_states
from cases.forms import Desk, FindingForm
from cases.impressions import as_seen_by
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding
from cases.waiting import neighbours, waiting_cases
from cases.worksheet import last_event_id
from implants.look_alikes import Groups, look_alikes_of

Kind = CaseEvent.Kind
_ANALYSIS_ASKED = (Kind.ANALYSIS_REQUESTED, Kind.ANALYSIS_STARTED)
_THUMBNAILS = 4
_ANALYSIS_OVER = (Kind.ANALYZED, Kind.ANALYSIS_FAILED)


@dataclass(frozen=True)
class Card:
    """A candidate, the names of those that look like it, and other references of its implant."""

    candidate: Candidate
    look_alikes: str
    is_picked: bool
    references: list[int]
    more_references: int


@dataclass(frozen=True)
class Panel:
    """A finding, its form, its candidates side by side, and what the film leaves open."""

    finding: Finding
    form: FindingForm
    cards: list[Card]
    rows: list[Row]
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
    strips = reference_strips(_suggested(desk))
    panels = [
        _panel(form, groups, strips, searches.get(form.finding.pk, SearchState()))
        for form in desk.finding_forms
    ]
    images = _images(case.images.all())
    deliveries = list(case.deliveries.order_by("-pk"))
    previous, following = neighbours(case, user)
    return {
        "case": case,
        "desk": desk,
        "panels": panels,
        "encoders": sorted({card.candidate.encoder for panel in panels for card in panel.cards}),
        "lacking": _lacking(case),
        "problem_advice": PROBLEM_ADVICE.get(case.problem, ""),
        "is_analyzing": _is_analyzing(case),
        "timeline": timeline(case, _hidden(desk)),
        "deliveries": deliveries,
        "can_send_again": _can_send_again(case, deliveries),
        "is_gone": is_gone(case),
        "was_altered": was_altered(case),
        "contradicted": contradicted(case),
        "answer": _answer(case, deliveries),
        **_shown_answer(case, desk),
        "next_case": following,
        "previous_case": previous,
        "key_texts": key_texts(),
        "waiting_count": waiting_cases().count(),
        "image_concerns": image_concerns(
            images["images"], [form.shortlist for form in desk.finding_forms]
        ),
        **images,
    }


def _lacking(case: Case) -> int:
    """How many references the latest analysis could not compare: their vectors were not made."""
    last = case.events.filter(kind=CaseEvent.Kind.ANALYZED).last()
    return int(last.data.get("lacking", 0)) if last else 0


def _hidden(desk: Desk) -> set[int]:
    """The findings whose suggestions must not be seen yet."""
    return {form.finding.pk for form in desk.finding_forms if form.shortlist.is_hidden}


def _suggested(desk: Desk) -> list[int]:
    return [found.implant.pk for form in desk.finding_forms for found in form.shortlist.candidates]


def _panel(
    form: FindingForm, groups: Groups, strips: dict[int, Strip], search: SearchState
) -> Panel:
    candidates = form.shortlist.candidates
    return Panel(
        finding=form.finding,
        form=form,
        cards=[_card(found, form, groups, strips.get(found.implant.pk)) for found in candidates],
        rows=comparison([found.implant for found in candidates]),
        undecided=undecided(form.finding, form.shortlist, groups),
        impression=ImpressionForm(form.finding),
        search=search,
    )


def _card(found: Candidate, form: FindingForm, groups: Groups, strip: Strip | None) -> Card:
    shown = found.reference.pk if found.reference else None
    others = [pk for pk in strip.references if pk != shown][:_THUMBNAILS] if strip else []
    total = strip.total - (shown is not None) if strip else 0
    return Card(
        candidate=found,
        look_alikes=look_alikes_of(found.implant, groups),
        is_picked=form.picked == str(found.implant.pk),
        references=others,
        more_references=total - len(others),
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


def _answer(case: Case, deliveries: list[Delivery]) -> str:
    """The text for the dentist as it was written; "" before the decision."""
    if not case.is_decided:
        return ""
    written = [row.text for row in deliveries if row.decision_id == case.decision_id]
    return written[0] if written else case.edited_answer or answers.answer_text(case)


def _shown_answer(case: Case, desk: Desk) -> dict[str, Any]:
    """The answer that a decision would give now."""
    if case.state != Case.State.PENDING:
        return {}
    return {"shown": preview.approval(case, desk), **preview.outcome(case)}
