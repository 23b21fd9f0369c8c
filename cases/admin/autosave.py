"""Keeps what is filled in while the reviewer goes on working, and says in JSON how that went."""

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from cases import review, worksheet
from cases.forms import Desk
from cases.models import Case
from cases.worksheet import last_event_id

JSON = "application/json"


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's script asks, not a person's button."""
    return request.headers.get("Accept") == JSON


def autosave(case: Case, actor: User, desk: Desk) -> JsonResponse:
    """Save the desk: 200 with what the page has seen now, 400 if unfinished, 409 on a conflict."""
    if not desk.is_valid():
        return JsonResponse({"text": _("Not complete yet: kept in this browser.")}, status=400)
    try:
        with transaction.atomic():
            worksheet.save(case, actor, desk.sheet())
            seen = last_event_id(case)
    except review.ReviewError as error:
        return JsonResponse({"text": str(error)}, status=409)
    now = time_format(timezone.localtime(), "TIME_FORMAT")
    return JsonResponse({"text": _("Saved at %(time)s") % {"time": now}, "last_seen": seen})
