"""Reference radiographs, for people of the staff and for holders of a signed link."""

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from implants.links import read_token
from implants.models import ReferenceImage
from implants.pictures import picture_response, region_response, thumbnail_response
from raiox.common.staff import staff_required


@require_safe
@staff_required("implants.view_referenceimage")
def reference_image(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The radiograph in full."""
    reference = get_object_or_404(ReferenceImage, pk=pk)
    return picture_response(request, reference.image, reference.sha256)


@require_safe
@staff_required("implants.view_referenceimage")
def reference_thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The radiograph, small."""
    reference = get_object_or_404(ReferenceImage, pk=pk)
    return thumbnail_response(request, reference.image, reference.sha256)


@require_safe
@staff_required("implants.view_referenceimage")
def reference_implant(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The implant on the radiograph, small; the whole film while no region is marked."""
    reference = get_object_or_404(ReferenceImage, pk=pk)
    if reference.region is None:
        return thumbnail_response(request, reference.image, reference.sha256)
    return region_response(request, reference.image, reference.sha256, reference.region)


@require_safe
def signed_reference_image(request: HttpRequest, token: str) -> HttpResponseBase:
    """The radiograph that a signed link names, until the link expires; no log-in."""
    pk = read_token(token)
    if pk is None:
        raise Http404
    reference = get_object_or_404(ReferenceImage, pk=pk)
    return picture_response(request, reference.image, reference.sha256)
