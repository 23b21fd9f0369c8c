"""What the page of a case asks about one of its implants without being loaded anew: mark it on the
film, search for it, note a first impression, and see its candidates as they come."""

import json
from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from cases import impressions, regions, review
from cases.admin.impression_form import ImpressionForm
from cases.admin.page import build_desk, case_context
from cases.finding_search import SearchState, search_states
from cases.models import Case, Finding

PERMISSION = "cases.decide_case"
View = Callable[..., HttpResponse]


def marking_urls(wrap: Callable[[View], View]) -> list[URLPattern]:
    """`<case>/mark/` and `<case>/findings/<finding>/…`; `wrap` is the admin's guard."""
    finding = "<int:object_id>/findings/<int:finding_id>"
    return [
        path("<int:object_id>/mark/", wrap(mark), name="cases_case_mark"),
        path(f"{finding}/region/", wrap(set_region), name="cases_case_region"),
        path(f"{finding}/impression/", wrap(note_impression), name="cases_case_impression"),
        path(f"{finding}/candidates/", wrap(candidates), name="cases_case_candidates"),
    ]


@require_POST
def mark(request: HttpRequest, object_id: int) -> HttpResponse:
    """One more implant, by its region on a film; 201 with its id."""

    def act(user: User) -> dict[str, Any]:
        case = get_object_or_404(Case, pk=object_id)
        film, region = _film(request), _region(request)
        finding = regions.mark_implant(case, user, image_id=film, region=region or [])
        return {"finding": finding.pk}

    return _answer(request, act, 201)


@require_POST
def set_region(request: HttpRequest, object_id: int, finding_id: int) -> HttpResponse:
    """Where the implant lies, and a search for it; without a region the whole films count; 202."""

    def act(user: User) -> dict[str, Any]:
        region = _region(request)
        film = _film(request) if region else 0
        finding = _finding(object_id, finding_id)
        regions.set_region(finding, user, image_id=film, region=region)
        return {"html": _rendered(request, user, finding)}

    return _answer(request, act, 202)


@require_POST
def note_impression(request: HttpRequest, object_id: int, finding_id: int) -> HttpResponse:
    """What she takes the implant for before she sees the candidates; without JavaScript too."""

    def act(user: User) -> dict[str, Any]:
        finding = _finding(object_id, finding_id)
        form = ImpressionForm(finding, request.POST)
        if not form.is_valid():
            raise review.InvalidDecision(" ".join(form.messages()))
        impressions.note(finding, user, **form.impression())
        return {}

    answer = _answer(request, act, 201)
    if request.headers.get("Accept") == "application/json":
        return answer
    return redirect(reverse("admin:cases_case_change", args=[object_id]) + f"#finding-{finding_id}")


@require_GET
def candidates(request: HttpRequest, object_id: int, finding_id: int) -> HttpResponse:
    """How the search for the implant stands; once it has ended, the part of the page about it."""
    user, finding = _user(request), _finding(object_id, finding_id)
    state = search_states(finding.case).get(finding.pk, SearchState())
    facts: dict[str, Any] = {"case": finding.case.state, "is_searching": state.is_searching}
    if not state.is_searching:
        facts["html"] = _rendered(request, user, finding)
    return JsonResponse(facts)


def _rendered(request: HttpRequest, user: User, finding: Finding) -> str:
    case = finding.case
    context = case_context(case, user, build_desk(case, user))
    panels = context["panels"]
    number = [row.finding.pk for row in panels].index(finding.pk)
    is_hers = case.state == Case.State.PENDING and case.claimant in (None, user)
    more = {"panel": panels[number], "number": number + 1, "has_form": is_hers}
    return render_to_string("admin/cases/case/finding.html", {**context, **more}, request)


def _answer(
    request: HttpRequest, act: Callable[[User], dict[str, Any]], status: int
) -> JsonResponse:
    """What `act` says as JSON, or why it was refused: 400, or 409 if somebody else was first."""
    try:
        return JsonResponse(act(_user(request)), status=status)
    except review.Conflict as error:
        return JsonResponse({"message": str(error)}, status=409)
    except review.ReviewError as error:
        return JsonResponse({"message": str(error)}, status=400)


def _user(request: HttpRequest) -> User:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return cast(User, request.user)


def _finding(case_id: int, finding_id: int) -> Finding:
    findings = Finding.objects.select_related("case__form", "case__claimed_by")
    return get_object_or_404(findings, pk=finding_id, case=case_id)


def _film(request: HttpRequest) -> int:
    text = request.POST.get("image", "")
    if not text.isdecimal() or len(text) > 18:
        raise review.InvalidDecision(_("Choose the radiograph on which the implant lies."))
    return int(text)


def _region(request: HttpRequest) -> list[Any] | None:
    """`region` is a JSON list of four fractions; empty for none."""
    text = request.POST.get("region", "")
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise review.InvalidDecision(_("A region consists of four finite numbers."))
    return found
