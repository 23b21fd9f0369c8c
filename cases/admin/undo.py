"""Offers to take back the reviewer's last decision, on the first page that she sees after it."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from cases.models import Case

_KEY = "cases_last_decision"


@dataclass(frozen=True)
class Undo:
    """The decision that may be taken back, and after how long its answer goes out."""

    case: Case
    grace_seconds: int


def remember_decision(request: HttpRequest, case: Case) -> None:
    """Note what was decided just now in this session."""
    request.session[_KEY] = case.pk


def take_undo(request: HttpRequest) -> Undo | None:
    """The offer, once; None when there is nothing (any more) to take back."""
    pk = request.session.pop(_KEY, None)
    case = Case.objects.select_related("form").filter(pk=pk).first() if pk else None
    if case is None or not case.is_decided:
        return None
    return Undo(case, settings.DELIVERY_GRACE_SECONDS)
