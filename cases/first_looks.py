"""First impressions against suggestions and decisions: whether seeing a suggestion moves reviewers.

Only of those who look first without suggestions (`cases.impressions`), and of what they decided
themselves.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from cases.models import Case, FirstImpression


@dataclass(frozen=True, slots=True)
class FirstLooks:
    """How often an impression that named an implant or a manufacturer was like the suggestion and
    the decision; of those unlike the suggestion, how many decisions were the suggestion.

    Each count goes with the number of impressions that could be compared.
    """

    noted: int = 0
    compared: int = 0
    like_suggestion: int = 0
    decided: int = 0
    like_decision: int = 0
    unlike: int = 0
    moved: int = 0


def first_looks(since: datetime) -> FirstLooks:
    """Over the findings that were decided since then by those who noted the impressions."""
    rows = FirstImpression.objects.filter(
        finding__case__state=Case.State.APPROVED,
        finding__case__decided_at__gte=since,
        user=F("finding__case__decided_by"),
    )
    return _counted(list(rows.select_related("finding__implant", "suggested")))


def _counted(rows: list[FirstImpression]) -> FirstLooks:
    told = [row for row in rows if row.implant_id or row.manufacturer_id]
    compared = [row for row in told if row.suggested]
    decided = [row for row in told if row.finding.implant]
    unlike = [row for row in compared if not row.agrees and row.finding.implant]
    return FirstLooks(
        noted=len(rows),
        compared=len(compared),
        like_suggestion=sum(bool(row.agrees) for row in compared),
        decided=len(decided),
        like_decision=sum(_is_like_decision(row) for row in decided),
        unlike=len(unlike),
        moved=sum(row.finding.implant_id == row.suggested_id for row in unlike),
    )


def _is_like_decision(row: FirstImpression) -> bool:
    return row.finding.implant is not None and bool(row.fits(row.finding.implant))
