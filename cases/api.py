"""Cases for programs: list, look up, decide. The rules of a decision are `cases.review`'s."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from cases import idempotency, review
from cases.candidates import concerns_by_image, shortlists_of
from cases.impressions import as_seen_by, hidden_from, missing_text
from cases.models import Case, Finding
from cases.privacy.access import note_cases
from cases.privacy.models import AccessRecord
from cases.serializers import (
    ApprovalSerializer,
    CaseFilterSerializer,
    CaseSerializer,
    RejectionSerializer,
    name_of,
)
from implants.look_alikes import groups_of
from implants.models import Implant
from implants.serializers import load_shown_references
from raiox.common.api.errors import ApiError, documented
from raiox.common.api.pagination import TOTAL_COUNT, BareListPagination
from raiox.common.api.scopes import Approver
from raiox.common.api.views import ApiMixin

_DECISION_HEADERS = [idempotency.PARAMETER]
_DECISION_RESPONSES = {
    200: CaseSerializer,
    **documented(400, 401, 403, 404, 409, 411, 413, 415, 422),
}


class CaseListView(ApiMixin, ListAPIView):
    """`GET /cases`."""

    queryset = Case.objects.order_by("-created_at", "-pk")
    serializer_class = CaseSerializer
    pagination_class = BareListPagination

    @extend_schema(
        parameters=[CaseFilterSerializer, TOTAL_COUNT],
        responses={200: CaseSerializer(many=True), **documented(400, 401, 403)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Cases, the latest first."""
        wanted = CaseFilterSerializer(request.query_params)
        wanted.is_valid(raise_exception=True)
        page = self.paginate_queryset(_with_all(self.get_queryset().filter(**wanted.conditions())))
        return self.get_paginated_response(_shown(page or [], request))


class CaseView(ApiMixin, RetrieveAPIView):
    """`GET /cases/{id}`."""

    queryset = Case.objects.all()
    serializer_class = CaseSerializer

    @extend_schema(responses={200: CaseSerializer, **documented(401, 403, 404)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One case with findings, results, timeline and deliveries."""
        return _answer(request, kwargs["pk"])


class ApproveView(ApiMixin):
    """`POST /cases/{id}/approve`."""

    permission_classes = [Approver]

    @extend_schema(
        request=ApprovalSerializer, parameters=_DECISION_HEADERS, responses=_DECISION_RESPONSES
    )
    def post(self, request: Request, pk: int) -> Response:
        """Set verdicts and approve, both or neither; the answer goes to the dentist."""
        body = _valid(ApprovalSerializer(data=request.data))
        return _decide(request, pk, lambda case, user: _approve(case, user, body))


class RejectView(ApiMixin):
    """`POST /cases/{id}/reject`."""

    permission_classes = [Approver]

    @extend_schema(
        request=RejectionSerializer, parameters=_DECISION_HEADERS, responses=_DECISION_RESPONSES
    )
    def post(self, request: Request, pk: int) -> Response:
        """Close the case without an identification; the reason goes to the dentist."""
        body = _valid(RejectionSerializer(data=request.data))
        return _decide(request, pk, lambda case, user: review.reject(case, user, **body))


class ReopenView(ApiMixin):
    """`POST /cases/{id}/reopen`."""

    permission_classes = [Approver]

    @extend_schema(request=None, parameters=_DECISION_HEADERS, responses=_DECISION_RESPONSES)
    def post(self, request: Request, pk: int) -> Response:
        """Take a decision back; the case waits for a new one."""
        return _decide(request, pk, review.reopen)


def _valid(serializer: Serializer) -> Any:
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _decide(request: Request, pk: int, act: Callable[[Case, User], Any]) -> Response:
    """Act on the locked case; what is refused leaves nothing behind."""
    user = cast(User, request.user)  # `Approver` lets nobody else through
    try:
        with transaction.atomic():
            case = get_object_or_404(Case.objects.select_for_update(), pk=pk)
            if not idempotency.is_first(request, user):
                return _answer(request, pk, {idempotency.REPLAYED: "true"})
            act(case, user)
    except review.Conflict as error:
        raise ApiError(409, "conflict", str(error), _who_was_first(pk)) from error
    except review.VerdictMissing as error:
        raise ApiError(400, "verdict_missing", str(error)) from error
    except review.InvalidDecision as error:
        raise ApiError(400, "invalid_decision", str(error)) from error
    return _answer(request, pk)


def _approve(case: Case, user: User, body: dict[str, Any]) -> None:
    for verdict in body.get("findings", []):
        _set_verdict(case, user, verdict)
    if hidden_from(user, case.findings.select_related("case")):
        raise review.InvalidDecision(missing_text())
    review.approve(case, user, note=body.get("note", case.note))


def _set_verdict(case: Case, user: User, wanted: dict[str, Any]) -> None:
    finding = case.findings.filter(pk=wanted["id"]).first()
    if finding is None:
        message = _("The case has no finding %(id)s.") % {"id": wanted["id"]}
        raise review.InvalidDecision(message)
    review.set_verdict(
        finding,
        user,
        verdict=wanted["verdict"],
        implant=_implant(wanted.get("implant_id")),
        note=wanted.get("note", finding.note),
    )


def _implant(pk: int | None) -> Implant | None:
    if pk is None:
        return None
    implant = Implant.objects.filter(pk=pk).first()
    if implant is None:
        raise review.InvalidDecision(_("There is no implant %(id)s.") % {"id": pk})
    return implant


def _who_was_first(pk: int) -> dict[str, Any]:
    case = Case.objects.select_related("decided_by", "claimed_by").get(pk=pk)
    return {
        "state": case.state,
        "decided_by": name_of(case.decided_by),
        "decided_at": case.decided_at,
        "claimed_by": name_of(case.claimant),
        "claimed_until": case.claimed_until if case.claimant else None,
    }


def _answer(request: Request, pk: int, headers: dict[str, str] | None = None) -> Response:
    case = get_object_or_404(_with_all(Case.objects.all()), pk=pk)
    return Response(_shown([case], request)[0], headers=headers)


def _with_all(cases: QuerySet[Case]) -> QuerySet[Case]:
    """What the serializer shows, in a fixed number of queries."""
    return cases.select_related("form", "decided_by").prefetch_related(
        "images", "findings__implant__manufacturer", "events__actor", "deliveries"
    )


def _shown(cases: Sequence[Case], request: Request) -> Any:
    note_cases(request.user, list(cases), AccessRecord.What.API)
    findings: list[Finding] = [finding for case in cases for finding in case.findings.all()]
    shortlists = as_seen_by(cast(User, request.user), findings, shortlists_of(findings))
    suggested = [found.implant for row in shortlists.values() for found in row.candidates]
    chosen = [finding.implant for finding in findings if finding.implant]
    load_shown_references([*suggested, *chosen])
    context = {
        "request": request,
        "shortlists": shortlists,
        "concerns": concerns_by_image(shortlists.values()),
        "groups": groups_of(suggested),
    }
    return CaseSerializer(cases, many=True, context=context).data
