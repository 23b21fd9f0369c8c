"""How long it takes from the webhook until a case waits for its reviewer."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone

from cases.models import Case, CaseEvent
from raiox.golive.line import Line, Plan, fail, ok, warn
from webhooks.models import InboundEvent

TARGET_SECONDS: Final = 3.0
ENOUGH: Final = 20
"""With fewer cases than these, 95 of 100 says nothing."""
_MOST: Final = 500
_OVER: Final = (CaseEvent.Kind.ANALYZED, CaseEvent.Kind.ANALYSIS_FAILED)
_PUSHED: Final = (InboundEvent.Kind.MULTIPART, InboundEvent.Kind.JSON, InboundEvent.Kind.DIRECT)


def webhook_to_pending(plan: Plan) -> Line:
    """The times that were stored: of the webhook's arrival, and of the end of the analysis."""
    took = _seconds(timezone.now() - timedelta(days=plan.days))
    send = "Send at least 20 submissions through the form itself, one after the other."
    if not took:
        return warn(f"no case came by webhook in {plan.days:g} days: not measured", send)
    p95 = percentile(took, 0.95)
    seen = f"p95 {p95:.1f} s, median {percentile(took, 0.5):.1f} s, of {len(took)} cases"
    if p95 >= TARGET_SECONDS:
        todo = f"Below {TARGET_SECONDS:g} s is wanted: see the stages in /metrics, and the queue."
        return fail(seen, todo)
    return ok(seen) if len(took) >= ENOUGH else warn(f"{seen}: too few to tell", send)


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values don't exceed; one of the values themselves."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def _seconds(since: datetime) -> list[float]:
    """Of the latest cases that began with a webhook, each by its first one and first analysis."""
    cases = Case.objects.filter(created_at__gte=since, events__kind__in=_OVER)
    rows = (
        cases.annotate(ended=Min("events__created_at"))
        .order_by("-created_at")
        .values_list("form__form_id", "submission_id", "ended")[:_MOST]
    )
    ended = {(form, submission): at for form, submission, at in rows}
    arrived = _arrivals(since, ended)
    return [(ended[key] - at).total_seconds() for key, at in arrived.items() if ended[key] >= at]


def _arrivals(
    since: datetime, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], datetime]:
    """When the first word of each submission came; none for those that the sweep found."""
    keys = set(wanted)
    events = InboundEvent.objects.filter(
        received_at__gte=since - timedelta(days=1), submission_id__in={key[1] for key in keys}
    ).order_by("received_at", "pk")
    first: dict[tuple[str, str], InboundEvent] = {}
    for event in events:
        first.setdefault((event.form_id, event.submission_id), event)
    return {
        key: event.received_at
        for key, event in first.items()
        if key in keys and event.kind in _PUSHED
    }
