"""Finds what lost its job: nothing may stay half-way because a process died at a bad moment."""

from datetime import datetime, timedelta

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from cases import queue
from cases.models import Case, CaseEvent
from webhooks import inbox
from webhooks.models import InboundEvent

_AFTER = timedelta(minutes=10)
_UNSEEN = (Case.State.RECEIVED, Case.State.ANALYZING)
Kind = CaseEvent.Kind
_ASKED = (Kind.ANALYSIS_REQUESTED, Kind.ANALYSIS_STARTED, Kind.UPDATED)
_OVER = (Kind.ANALYZED, Kind.ANALYSIS_FAILED)


def requeue_lost() -> int:
    """Ask again for events and cases that wait for a job which no longer exists; the count."""
    long_ago = timezone.now() - _AFTER
    events = InboundEvent.objects.filter(
        state=InboundEvent.State.RECEIVED, received_at__lte=long_ago
    ).exclude(pk__in=_at_work("cases.open_case", "event_id"))
    cases = _unanalysed(long_ago).exclude(pk__in=_at_work("cases.analyze_case", "case_id"))
    for event in events:
        inbox.defer_open_case(event)
    for case in cases:
        queue.defer_analysis(case)
    return len(events) + len(cases)


def _unanalysed(long_ago: datetime) -> QuerySet[Case]:
    """Cases that were never analysed, and those that wait and whose new analysis never ended."""
    about = CaseEvent.objects.filter(
        # An edit that brought no file asks for none.
        Q(kind__in=[*_ASKED, *_OVER]) & ~Q(kind=Kind.UPDATED, data__images=0),
        case=OuterRef("pk"),
    ).order_by("-pk")
    cases = Case.objects.annotate(
        last_kind=Subquery(about.values("kind")[:1]),
        last_at=Subquery(about.values("created_at")[:1]),
    )
    asked_again = Q(state=Case.State.PENDING, last_kind__in=_ASKED, last_at__lte=long_ago)
    return cases.filter(asked_again | Q(state__in=_UNSEEN, created_at__lte=long_ago))


def _at_work(task: str, argument: str) -> list[int]:
    """The ids that jobs of `task`, waiting or running, are about."""
    jobs = ProcrastinateJob.objects.filter(task_name=task, status__in=["todo", "doing"])
    return [args[argument] for args in jobs.values_list("args", flat=True)]
