"""“Vizinhos suspeitos”: references that resemble another implant more than their own."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from implants.admin.chosen import back_to
from implants.admin.moving import tell
from implants.models import Encoder, Suspicion
from implants.moving import move_references
from implants.suspects import confirm, open_suspicions

_PAGE: Final = 20
_ROUTE: Final = "admin:implants_referenceimage_suspects"


class SuspectsMixin:
    """The page and what is done on it; for the admin of references."""

    def get_urls(self) -> list[Any]:
        """`suspects/`, and `suspects/<id>/` for what is done with one."""
        guard = self.admin_site.admin_view  # type: ignore[attr-defined]
        own: list[URLPattern] = [
            path("suspects/", guard(self.suspects_view), name="implants_referenceimage_suspects"),
            path(
                "suspects/<int:pk>/",
                guard(require_POST(self.suspect_view)),
                name="implants_referenceimage_suspect",
            ),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def suspects_view(self, request: HttpRequest) -> HttpResponse:
        """The strongest first, as the worker has found them."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        encoder = Encoder.objects.filter(is_active=True).first()
        found = open_suspicions(encoder.pk) if encoder else []
        page = Paginator(found, _PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Suspicious neighbours"),
            "opts": self.opts,  # type: ignore[attr-defined]
            "page": page,
            "made_at": _made_at(encoder),
            "here": f"{reverse(_ROUTE)}?p={page.number}",
            "may_change": self.has_change_permission(request),  # type: ignore[attr-defined]
            "may_delete": self.has_delete_permission(request),  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/implants/referenceimage/suspects.html", context)

    def suspect_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Move the reference to the neighbour's implant, or keep it as it is."""
        if not self.has_change_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        one = get_object_or_404(
            Suspicion.objects.select_related(
                "reference__implant__manufacturer", "neighbour__implant__manufacturer"
            ),
            pk=pk,
        )
        if request.POST.get("do") == "move":
            target = one.neighbour.implant
            tell(request, move_references([one.reference_id], target, request.user), target)
        else:
            confirm(one, request.user)
            messages.success(
                request, _("Kept as %(implant)s.") % {"implant": one.reference.implant}
            )
        return redirect(back_to(request, _ROUTE))


def _made_at(encoder: Encoder | None) -> Any:
    """When the worker last looked through the catalogue; None while it never has."""
    kept = (encoder.calibration or {}).get("made_at") if encoder else None
    return parse_datetime(kept) if kept else None
