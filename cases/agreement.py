"""Suggestions against reviewers' decisions: how often the first one was what they chose.

This is agreement, not accuracy: reviewers see the suggestions before they decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from cases.models import Case, Finding

WEEKS: Final = 26
COUNTED: Final = (*Finding.NAMES_IMPLANT, Finding.Verdict.NOT_IN_CATALOGUE)
"""What can't be identified says nothing about the suggestions."""

# The candidates as they stood when the case was decided: the latest search of each image until
# then, of the part that is marked, each implant by its best result, ties by name as on the page.
# Films deleted since count too.
_REVIEWED: Final = """
WITH latest AS (
    SELECT DISTINCT ON (s.finding_id, s.image_id)
        s.id, s.finding_id, s.encoder_id, c.decided_at
    FROM searches s
    JOIN findings f ON f.id = s.finding_id
    JOIN cases c ON c.id = f.case_id
    WHERE c.state = %(approved)s AND c.decided_at >= %(since)s
        AND f.verdict = ANY(%(verdicts)s) AND s.created_at <= c.decided_at
        AND s.region IS NOT DISTINCT FROM f.region
        AND (f.region IS NULL OR s.image_id = f.image_id)
    ORDER BY s.finding_id, s.image_id, s.id DESC
), best AS (
    SELECT DISTINCT ON (latest.finding_id, r.implant_id)
        latest.finding_id, latest.encoder_id, latest.decided_at, r.implant_id, r.similarity
    FROM latest
    JOIN results r ON r.search_id = latest.id
    ORDER BY latest.finding_id, r.implant_id, r.similarity DESC
), ranked AS (
    SELECT best.*, row_number() OVER (
        PARTITION BY finding_id ORDER BY similarity DESC, m.name, i.name
    ) AS rank
    FROM best
    JOIN implants i ON i.id = best.implant_id
    JOIN manufacturers m ON m.id = i.manufacturer_id
)
SELECT first.decided_at, first.encoder_id, f.region IS NOT NULL, first.similarity,
    first.implant_id, f.implant_id, chosen.rank
FROM ranked first
JOIN findings f ON f.id = first.finding_id
LEFT JOIN ranked chosen
    ON chosen.finding_id = first.finding_id AND chosen.implant_id = f.implant_id
WHERE first.rank = 1
ORDER BY first.decided_at, first.finding_id
"""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A decided finding: what was suggested first, and what the reviewer chose.

    `chosen_id` is None when the implant is not in the catalogue; `chosen_rank` is None when it was
    not among the suggestions. `similarity` is that of the first one.
    """

    decided_at: datetime
    encoder_id: int
    has_region: bool
    similarity: float
    suggested_id: int
    chosen_id: int | None
    chosen_rank: int | None


@dataclass(frozen=True, slots=True)
class Week:
    """The decisions of one week, from a Monday on."""

    starts: date
    decided: int
    first: int
    among_three: int

    @property
    def agreement(self) -> float | None:
        """The part of the decisions that chose the first suggestion; None without decisions."""
        return self.first / self.decided if self.decided else None


def reviewed(since: datetime) -> list[Reviewed]:
    """The findings decided since then that had suggestions, the oldest first."""
    query: dict[str, Any] = {
        "approved": Case.State.APPROVED,
        "since": since,
        "verdicts": [str(verdict) for verdict in COUNTED],
    }
    with connection.cursor() as cursor:
        cursor.execute(_REVIEWED, query)
        return [Reviewed(*row) for row in cursor.fetchall()]


def by_week(findings: Iterable[Reviewed], weeks: int = WEEKS) -> list[Week]:
    """The last `weeks` weeks, each with its counts, the oldest first; quiet weeks too."""
    monday = first_monday(weeks)
    by_start: dict[date, list[Reviewed]] = {
        monday + timedelta(weeks=number): [] for number in range(weeks)
    }
    for finding in findings:
        day = timezone.localdate(finding.decided_at)
        by_start.get(day - timedelta(days=day.weekday()), []).append(finding)
    return [_week(starts, in_week) for starts, in_week in by_start.items()]


def first_monday(weeks: int = WEEKS) -> date:
    """The Monday with which the last `weeks` weeks begin, this one being the last."""
    today = timezone.localdate()
    return today - timedelta(days=today.weekday(), weeks=weeks - 1)


def _week(starts: date, findings: list[Reviewed]) -> Week:
    return Week(
        starts,
        decided=len(findings),
        first=sum(finding.chosen_rank == 1 for finding in findings),
        among_three=sum((finding.chosen_rank or 99) <= 3 for finding in findings),
    )
