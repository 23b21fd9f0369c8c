"""Offers to take back the reviewer's last decision, on the pages that she sees after it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

from cases.models import Case, Delivery

_KEY = "cases_last_decision"
_OFFERED_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Undo:
    """The decision that may be taken back, and the answer to it (None: a direct case's)."""

    case: Case
    delivery: Delivery | None

    @property
    def due_at(self) -> datetime | None:
        """When the answer goes out, while that time has not come."""
        if self.delivery is None or not self._has_not_begun:
            return None
        return self.delivery.due_at if self.delivery.due_at > timezone.now() else None

    @property
    def seconds_left(self) -> int:
        """Whole seconds until then."""
        return int((self.due_at - timezone.now()).total_seconds()) if self.due_at else 0

    @property
    def waits(self) -> bool:
        """Whether the answer is held back: the form's deliveries are paused, or the quota."""
        row = self.delivery
        return (
            row is not None
            and row.started_at is None
            and (row.state == Delivery.State.WAITING or self.case.form.deliveries_paused)
        )

    @property
    def _has_not_begun(self) -> bool:
        row = self.delivery
        is_queued = row is not None and row.state == Delivery.State.QUEUED
        return is_queued and row is not None and row.started_at is None


def remember_decision(request: HttpRequest, case: Case) -> None:
    """Note in this session what was decided just now."""
    request.session[_KEY] = case.pk


def offered_undo(request: HttpRequest) -> Undo | None:
    """The offer for the last decision, for a while; None when it can't be taken back any more."""
    pk = request.session.get(_KEY)
    case = Case.objects.select_related("form").filter(pk=pk).first() if pk else None
    if case is None or not _is_hers(case, request) or _is_old(case):
        request.session.pop(_KEY, None)
        return None
    answers = case.deliveries.filter(kind=Delivery.Kind.ANSWER, decision_id=case.decision_id)
    return Undo(case, answers.last())


def _is_hers(case: Case, request: HttpRequest) -> bool:
    return case.is_decided and case.decided_by_id == request.user.pk


def _is_old(case: Case) -> bool:
    return case.decided_at is None or timezone.now() - case.decided_at > _OFFERED_FOR
