"""What a case's page asks while it is open: who has the case, and to keep it or let it go."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_POST

from cases import claims
from cases.models import Case

PERMISSION = "cases.decide_case"
View = Callable[..., HttpResponse]


def claim_urls(wrap: Callable[[View], View]) -> list[URLPattern]:
    """`<case>/claim/` and `<case>/release/`; `wrap` is the admin's own guard of views."""
    return [
        path("<int:object_id>/claim/", wrap(claim), name="cases_case_claim"),
        path("<int:object_id>/release/", wrap(release), name="cases_case_release"),
    ]


@require_http_methods(["GET", "POST"])
def claim(request: HttpRequest, object_id: int) -> HttpResponse:
    """Who has the case. POST keeps it for the asker if it is free, with `holder` takes it over."""
    case, user = _case(request, object_id), cast(User, request.user)
    if request.method == "POST":
        holder = request.POST.get("holder", "")
        if holder.isdecimal():
            claims.take_over(case, user, holder_id=int(holder))
        else:
            claims.claim(case, user)
    return JsonResponse(claim_state(case, user))


@require_POST
def release(request: HttpRequest, object_id: int) -> HttpResponse:
    """The page is left: somebody else may have the case."""
    case = _case(request, object_id)
    until = parse_datetime(request.POST.get("until", ""))
    if until is not None and until.tzinfo is not None:
        claims.release(case, cast(User, request.user), until=until)
    return HttpResponse(status=204)


def claim_state(case: Case, user: User) -> dict[str, Any]:
    """`state` is yours, taken, free or closed (decided, or not to be decided yet)."""
    holder, until = case.claimant, case.claimed_until
    if case.state != Case.State.PENDING:
        return {"state": "closed", "who": claims.name_of(case.decided_by)}
    if holder is None or until is None:
        return {"state": "free"}
    return {
        "state": "yours" if holder == user else "taken",
        "who": claims.name_of(holder),
        "holder": holder.pk,
        "until": until.isoformat(),
        "until_text": claims.until_text(case),
    }


def _case(request: HttpRequest, pk: int) -> Case:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return get_object_or_404(Case.objects.select_related("claimed_by", "decided_by"), pk=pk)
