"""Asks for jobs of this application, in the transaction of the rows that need them."""

from datetime import datetime
from uuid import UUID

from cases.models import Case, Finding
from raiox.common import correlation
from raiox.common.jobs import job


def defer_analysis(case: Case) -> None:
    """Ask for the analysis of `case`; analyses of one case run one after the other."""
    job("cases.analyze_case", lock=f"analysis:{case.pk}").defer(
        case_id=case.pk, correlation_id=correlation.current()
    )


def defer_finding_search(finding: Finding) -> None:
    """Ask for the search for one implant, after what is under way for its case."""
    job("cases.search_finding", lock=f"analysis:{finding.case_id}").defer(
        finding_id=finding.pk, correlation_id=correlation.current()
    )


def defer_delivery(case: Case, decision_id: UUID | None, due_at: datetime) -> None:
    """Ask for the delivery of a decision (None: the notice of receipt) at `due_at`.

    Without a lock of the queue: there, a job that waits until tomorrow would hold back the
    correction of today. `cases.delivery` guards itself.
    """
    job("cases.deliver", schedule_at=due_at).defer(
        case_id=case.pk,
        decision_id=str(decision_id) if decision_id else None,
        correlation_id=correlation.current(),
    )
