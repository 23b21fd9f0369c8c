"""Writes the timeline of a case."""

from typing import Any

from django.contrib.auth.models import User

from cases.models import Case, CaseEvent
from raiox.common import correlation


def record(
    case: Case, kind: CaseEvent.Kind, actor: User | None = None, /, **data: Any
) -> CaseEvent:
    """Add what happened, who did it and the details; never a patient's name in `data`."""
    return CaseEvent.objects.create(
        case=case, kind=kind, actor=actor, data=data, correlation_id=correlation.current()
    )
