"""Patients' radiographs, for people of the staff who may see cases."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from cases.models import CaseImage
from implants.pictures import picture_response, thumbnail_response
from raiox.common.staff import staff_required


@require_safe
@staff_required("cases.view_case")
def case_image(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The stored copy of a film, in full."""
    image = _stored(pk)
    return picture_response(request, image.file, image.sha256)


@require_safe
@staff_required("cases.view_case")
def case_thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The stored copy of a film, small."""
    image = _stored(pk)
    return thumbnail_response(request, image.file, image.sha256)


def _stored(pk: int) -> CaseImage:
    return get_object_or_404(CaseImage, pk=pk, state=CaseImage.State.STORED)
