"""Which cases wait for a reviewer, the oldest first."""

from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from cases.claims import is_free_for
from cases.models import Case, CaseEvent, Delivery

_ANALYSIS_OVER = (CaseEvent.Kind.ANALYZED, CaseEvent.Kind.ANALYSIS_FAILED)
_CAME_BACK = (
    CaseEvent.Kind.CHANGED_AFTER_DECISION,
    CaseEvent.Kind.DELIVERY_FAILED,
    CaseEvent.Kind.REOPENED,
)


def is_postponed() -> Q:
    """Put off by a reviewer to a time that has not come."""
    return Q(state=Case.State.PENDING, postponed_until__gt=timezone.now())


def is_undelivered() -> Q:
    """Decided, but the answer failed for good and nobody has had it sent again.

    Asked from the failures, which are few, and not for each case anew.
    """
    alive = [Delivery.State.QUEUED, Delivery.State.WAITING, Delivery.State.SENT]
    answers = Delivery.objects.filter(kind=Delivery.Kind.ANSWER)
    later = answers.filter(
        case=OuterRef("case"), decision_id=OuterRef("decision_id"), state__in=alive,
        pk__gt=OuterRef("pk"),
    )  # fmt: skip
    failed = answers.filter(state=Delivery.State.FAILED, decision_id=F("case__decision_id"))
    return Q(pk__in=failed.exclude(Exists(later)).values("case"))


def is_waiting() -> Q:
    """To be decided now; or decided, and edited by the dentist since or not delivered."""
    undecided = Q(state=Case.State.PENDING) & ~is_postponed()
    return undecided | Q(changed_after_decision=True) | is_undelivered()


def waiting_cases() -> QuerySet[Case]:
    """The reviewers' queue."""
    return Case.objects.filter(is_waiting()).order_by("created_at", "pk")


def arrived_since(event_id: int) -> QuerySet[Case]:
    """Those that came into the queue, or back into it, after that event of any case."""
    recent = CaseEvent.objects.filter(pk__gt=event_id)
    back = Q(pk__in=recent.filter(kind__in=_CAME_BACK).values("case"))
    analyzed = Q(pk__in=recent.filter(kind__in=_ANALYSIS_OVER).values("case"))
    earlier = CaseEvent.objects.filter(
        case=OuterRef("pk"), kind__in=_ANALYSIS_OVER, pk__lte=event_id
    )
    return waiting_cases().filter(back | (analyzed & ~Q(Exists(earlier))))


def next_waiting(case: Case, user: User) -> Case | None:
    """The case for `user` to open after this one: the next in the queue that no colleague has
    open, or the first of those at its end."""
    return _next(case, _others(case, user))


def neighbours(case: Case, user: User) -> tuple[Case | None, Case | None]:
    """The way back and the way on: the one before it in the queue, or the queue's last at its
    beginning; and `next_waiting`."""
    others = _others(case, user)
    return _previous(case, others), _next(case, others)


def _next(case: Case, others: QuerySet[Case]) -> Case | None:
    later = Q(created_at__gt=case.created_at) | Q(created_at=case.created_at, pk__gt=case.pk)
    return others.filter(later).first() or others.first()


def _previous(case: Case, others: QuerySet[Case]) -> Case | None:
    others = others.reverse()
    earlier = Q(created_at__lt=case.created_at) | Q(created_at=case.created_at, pk__lt=case.pk)
    return others.filter(earlier).first() or others.first()


def _others(case: Case, user: User) -> QuerySet[Case]:
    """With their ids alone, which are all that links to them need."""
    return waiting_cases().filter(is_free_for(user)).exclude(pk=case.pk).only("pk")
