"""The figures of the daily summary."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils import timezone

from cases.models import Case, Delivery
from cases.waiting import is_undelivered, waiting_cases
from webhooks.models import InboundEvent, JotformForm


@dataclass(frozen=True)
class Figures:
    """How things stand now, and what was done yesterday."""

    waiting: int
    oldest: datetime | None
    decided_yesterday: int
    undelivered: int
    failed_events: int
    held_back: int
    paused_forms: int


def figures() -> Figures:
    """Counted now; yesterday is that of the service's time zone."""
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time.min))
    waiting = waiting_cases()
    return Figures(
        waiting=waiting.count(),
        oldest=waiting.values_list("created_at", flat=True).first(),
        decided_yesterday=Case.objects.filter(
            decided_at__gte=midnight - timedelta(days=1), decided_at__lt=midnight
        ).count(),
        undelivered=Case.objects.filter(is_undelivered()).count(),
        failed_events=InboundEvent.objects.filter(state=InboundEvent.State.FAILED).count(),
        held_back=Delivery.objects.filter(state=Delivery.State.WAITING).count(),
        paused_forms=JotformForm.objects.filter(deliveries_paused=True).count(),
    )
