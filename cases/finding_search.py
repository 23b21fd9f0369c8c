"""The search for one implant: faster than the analysis of its case, and the others keep theirs."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cases.events import record
from cases.models import Case, CaseEvent, Finding
from cases.searching import Answer, Problem, ask, best_of, write
from implants.encoders.active import ActiveEncoder
from implants.encoders.bundle import EncoderUnavailable
from raiox.common import runs

logger = logging.getLogger(__name__)
Kind = CaseEvent.Kind
_ASKED = (Kind.FINDING_ADDED, Kind.SEARCH_REQUESTED)
_ANALYSIS = (Kind.ANALYSIS_STARTED, Kind.ANALYZED)
_OVER = (Kind.SEARCHED, Kind.SEARCH_FAILED)


@dataclass(frozen=True)
class SearchState:
    """Whether a search for the finding is under way, since when, and what was in its way."""

    since: datetime | None = None
    problem: str = ""

    @property
    def problem_label(self) -> str:
        """The problem in words."""
        return str(Case.Problem(self.problem).label) if self.problem else ""

    @property
    def is_searching(self) -> bool:
        """Whether it was asked for and has not come back."""
        return self.since is not None


def search_finding(finding_id: int, *, is_last_attempt: bool, is_repeated: bool = False) -> None:
    """Search for one implant of a waiting case with the active encoder, as new rows.

    What was decided, removed or marked anew meanwhile is left alone, and so is what an earlier
    attempt has found (`is_repeated`: it may have died before it could say so). Any exception is
    raised while attempts are left; after the last one the finding says that its search failed.
    """
    finding = Finding.objects.select_related("case").filter(pk=finding_id).first()
    if finding is None or finding.case.state != Case.State.PENDING:
        return
    if is_repeated and not search_states(finding.case).get(finding_id, SearchState()).is_searching:
        return
    try:
        _finish(finding, *ask(finding.case, [finding]))
    except Problem as found:
        _fail(finding, found.problem)
    except EncoderUnavailable as error:
        _fail(finding, Case.Problem.ENCODER_UNAVAILABLE, str(error))
    except runs.Superseded:
        raise
    except Exception as error:
        if not is_last_attempt:
            raise
        logger.exception("search failed for good", extra={"case_id": finding.case_id})
        _fail(finding, Case.Problem.ANALYSIS_FAILED, type(error).__name__)


def give_up(finding_id: int) -> None:
    """End the search without an answer: repeated attempts did not come back."""
    finding = Finding.objects.select_related("case").filter(pk=finding_id).first()
    if finding is not None:
        _fail(finding, Case.Problem.ANALYSIS_FAILED, "the worker died in each attempt")


def search_states(case: Case) -> dict[int, SearchState]:
    """How the latest search for each finding stands, by finding id, where one was asked for."""
    states: dict[int, SearchState] = {}
    before: set[int] = set()
    for event in case.events.filter(kind__in=[*_ASKED, *_OVER, *_ANALYSIS]).order_by("pk"):
        finding = event.data.get("finding", 0)
        if event.kind == Kind.ANALYSIS_STARTED:
            before = set(states)
        elif event.kind == Kind.ANALYZED:  # it searched for all that were there when it began
            states |= dict.fromkeys(before, SearchState())
        elif event.kind in _ASKED:
            states[finding] = SearchState(since=event.created_at)
        else:
            states[finding] = SearchState(problem=event.data.get("problem", ""))
    return states


@transaction.atomic
def _finish(finding: Finding, encoder: ActiveEncoder, answers: list[Answer]) -> None:
    if not _still_wanted(finding):
        return
    rows = [(write(encoder, answer), answer) for answer in answers]
    record(
        finding.case, Kind.SEARCHED, finding=finding.pk, encoder=encoder.name, best=best_of(rows)
    )


@transaction.atomic
def _fail(finding: Finding, problem: Case.Problem, detail: str = "") -> None:
    if _still_wanted(finding):
        record(
            finding.case, Kind.SEARCH_FAILED, finding=finding.pk, problem=problem,
            detail=detail[:300],
        )  # fmt: skip


def _still_wanted(finding: Finding) -> bool:
    """Whether the case waits still, with the finding where it was; locks the case."""
    runs.hold()
    case = Case.objects.select_for_update().get(pk=finding.case_id)
    now = Finding.objects.filter(pk=finding.pk).first()
    is_same = now is not None and (now.region, now.image_id) == (finding.region, finding.image_id)
    return case.state == Case.State.PENDING and is_same
