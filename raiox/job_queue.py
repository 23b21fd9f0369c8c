"""How the job queue stands."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinateWorker,
)


@dataclass(frozen=True)
class Waiting:
    """How many jobs are due now, and for how long the oldest has been."""

    count: int
    oldest: timedelta


def waiting() -> Waiting:
    """The jobs that a worker could take."""
    found = _due().aggregate(count=Count("pk"), oldest=Min("due_since"))
    since = found["oldest"]
    return Waiting(
        found["count"], max(timezone.now() - since, timedelta()) if since else timedelta()
    )


def living_workers() -> int:
    """Workers that have said something lately."""
    silence = timedelta(seconds=settings.WORKER_STALLED_SECONDS)
    alive = ProcrastinateWorker.objects.filter(last_heartbeat__gte=timezone.now() - silence)
    return alive.count()


def _due() -> QuerySet[ProcrastinateJob]:
    deferred = ProcrastinateEvent.objects.filter(job=OuterRef("pk"), type="deferred")
    return ProcrastinateJob.objects.filter(
        Q(scheduled_at=None) | Q(scheduled_at__lte=timezone.now()), status="todo"
    ).annotate(due_since=Coalesce("scheduled_at", Subquery(deferred.values("at")[:1])))
