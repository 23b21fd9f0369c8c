"""Writes the timeline of a case."""

import logging
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction

from cases.models import Case, CaseEvent
from raiox.common import correlation
from raiox.common.measures import case_event

logger = logging.getLogger(__name__)
# Ids, counts and codes. Other details are for the case's page only.
_FOR_LOGS: Final = (
    "attempt", "encoder", "finding", "image", "images", "lacking", "problem", "reason", "searches",
    "verdict",
)  # fmt: skip


def record(
    case: Case, kind: CaseEvent.Kind, actor: User | None = None, /, **data: Any
) -> CaseEvent:
    """Add what happened, who did it and the details; never a patient's name in `data`."""
    event = CaseEvent.objects.create(
        case=case, kind=kind, actor=actor, data=data, correlation_id=correlation.current()
    )
    facts = _facts(case, event)
    correlation.note(case_id=case.pk)
    # What is rolled back has not happened.
    transaction.on_commit(lambda: _tell(facts))
    return event


def _tell(facts: dict[str, Any]) -> None:
    logger.info("case event", extra=facts)
    case_event(facts["what"])


def _facts(case: Case, event: CaseEvent) -> dict[str, Any]:
    """The line of the log; under the id of the case too, by which its whole story is found."""
    told = {"what": str(event.kind), "case_id": case.pk, "user_id": event.actor_id}
    told |= {name: event.data[name] for name in _FOR_LOGS if name in event.data}
    if case.correlation_id != event.correlation_id:
        told["case_correlation_id"] = case.correlation_id
    return told
