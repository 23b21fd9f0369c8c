"""The upload desk: each film is examined, then saved; both answer a script with JSON."""

import base64
import io
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from PIL import Image

from implants.admin.film_forms import FilmForm, first_error
from implants.catalogue import add_reference
from implants.examination import Examination, embed_by_ticket, examine
from implants.formats import Busy
from implants.models import Implant
from implants.radiograph import MAX_BYTES, Radiograph, RadiographError, open_radiograph

logger = logging.getLogger(__name__)

PERMISSION: Final = "implants.add_referenceimage"
_SHOWN_SIDE: Final = 1600
"""Pixels of the longer side of the film that comes back to be looked at and marked."""

View = Callable[..., HttpResponseBase]


class UploadDesk:
    """The two addresses of the desk; `wrap` is the admin's own guard of views."""

    def __init__(self, implants: QuerySet[Implant], wrap: Callable[[View], View]) -> None:
        self._implants, self._wrap = implants, wrap

    def urls(self) -> list[URLPattern]:
        """`<implant>/films/examine/` and `<implant>/films/save/`."""
        return [self._route("examine", _examine), self._route("save", _save)]

    def _route(
        self, name: str, act: Callable[[Implant, FilmForm, Any], HttpResponse]
    ) -> URLPattern:
        """POST only, by somebody who may add references; refusals are answers in words."""

        @require_POST
        def view(request: HttpRequest, object_id: int) -> HttpResponse:
            if not request.user.has_perm(PERMISSION):
                raise PermissionDenied
            implant = get_object_or_404(self._implants, pk=object_id)
            form = FilmForm(request.POST, request.FILES)
            if not form.is_valid():
                return refused(first_error(form), HTTPStatus.BAD_REQUEST)
            try:
                return act(implant, form, request.user)
            except RadiographError as error:
                return refused(str(error), HTTPStatus.UNPROCESSABLE_ENTITY, error.code)
            except Busy:
                return busy()

        route = f"<int:object_id>/films/{name}/"
        return path(route, self._wrap(view), name=f"implants_implant_films-{name}")


def verdict(found: Examination) -> dict[str, Any]:
    """What a script shows of an examination; `state` is `good`, `warn` or `duplicate`."""
    state = "duplicate" if found.duplicate else "warn" if found.is_alarming else "good"
    html = render_to_string("admin/implants/implant/verdict.html", {"found": found})
    return {"state": state, "html": html, "ticket": found.ticket}


def refused(reason: str, status: HTTPStatus, code: str = "") -> JsonResponse:
    """A refusal in words; `code` is one of `RadiographError`'s."""
    return JsonResponse({"state": "refused", "code": code, "reason": reason}, status=status)


def busy() -> JsonResponse:
    """Nothing is wrong with the film: the script asks again by itself."""
    reason = _("The service is busy: try again in a moment.")
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"state": "busy", "reason": reason}, status=status)


def as_shown(radiograph: Radiograph) -> str:
    """The film as a browser draws it, whatever format it came in: a JPEG in base64."""
    image = radiograph.image.copy()
    image.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.LANCZOS, reducing_gap=2)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode()


def _bytes(form: FilmForm) -> bytes:
    # One byte beyond the limit is enough to refuse a file.
    data: bytes = form.cleaned_data["file"].read(MAX_BYTES + 1)
    return data


def _examine(implant: Implant, form: FilmForm, _actor: Any) -> HttpResponse:
    """What the film is and resembles. Nothing is stored."""
    radiograph = open_radiograph(_bytes(form))
    answer = verdict(examine(implant, radiograph, form.cleaned_data["region"]))
    answer |= {"sha256": radiograph.sha256, "film": as_shown(radiograph)}
    return JsonResponse(answer)


def _save(implant: Implant, form: FilmForm, actor: Any) -> HttpResponse:
    """The film becomes a reference, with the vector that was computed when it was examined."""
    sent = form.cleaned_data
    reference, created = add_reference(
        implant,
        _bytes(form),
        region=sent["region"],
        diameter_mm=sent["diameter_mm"],
        length_mm=sent["length_mm"],
        actor=actor,
    )
    if not created:
        known = verdict(Examination(implant, [reference]))
        return JsonResponse(known, status=HTTPStatus.CONFLICT)
    return JsonResponse(
        {"state": "saved", "id": reference.pk, "ready": embed_by_ticket(reference, sent["ticket"])}
    )
