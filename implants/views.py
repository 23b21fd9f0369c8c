"""Reference radiographs, for people of the staff and for holders of a signed link."""

from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.formats import localize
from django.views.decorators.http import require_safe

from implants.links import read_token
from implants.models import Implant, ReferenceImage
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
@staff_required("implants.view_referenceimage")
def implant_references(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The implant's radiographs, for comparing them with a film."""
    implant = get_object_or_404(Implant.objects.select_related("manufacturer"), pk=pk)
    references = [_for_comparison(reference) for reference in implant.references.all()]
    response = JsonResponse({"implant": str(implant), "references": references})
    patch_cache_control(response, private=True, no_store=True)
    return response


@require_safe
def signed_reference_image(request: HttpRequest, token: str) -> HttpResponseBase:
    """The radiograph that a signed link names, until the link expires; no log-in."""
    pk = read_token(token)
    if pk is None:
        raise Http404
    reference = get_object_or_404(ReferenceImage, pk=pk)
    return picture_response(request, reference.image, reference.sha256)


def _for_comparison(reference: ReferenceImage) -> dict[str, Any]:
    return {
        "id": str(reference.pk),
        "image": reverse("implants:reference-image", args=[reference.pk]),
        "region": reference.region,
        "size": _size(reference),
        "is_demo": reference.is_demo,
    }


def _size(reference: ReferenceImage) -> str:
    """What is known of the implant's diameter and length, for people."""
    sizes = [("Ø ", reference.diameter_mm), ("", reference.length_mm)]
    known = [f"{sign}{localize(size.normalize() + 0)}" for sign, size in sizes if size is not None]
    return f"{' × '.join(known)} mm" if known else ""
