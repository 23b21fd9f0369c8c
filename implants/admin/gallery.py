"""The gallery of an implant: all its references, and the regions that are marked on them."""

import json
from http import HTTPStatus
from typing import Any, Final

from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from implants.admin.film_forms import RegionForm, first_error
from implants.admin.states import references_with_state, state_badge
from implants.admin.upload import refused
from implants.catalogue import EncodingState, change_region
from implants.models import ReferenceImage

GALLERY_SIZE: Final = 24
_PAGE: Final = "films"
"""The page's number in the address, beside whatever else the admin keeps there."""
_SOURCES: Final = {
    "curator": gettext_lazy("sent by a curator"),
    "demo": gettext_lazy("demonstration"),
}


class Card:
    """A reference as the gallery shows it."""

    def __init__(self, reference: ReferenceImage) -> None:
        self.reference = reference

    @property
    def state(self) -> SafeString:
        """How far its vector has got."""
        return state_badge(self.reference)

    @property
    def source(self) -> str:
        """Where it came from, in words where the key has none for people."""
        kind, _slash, rest = self.reference.source_key.partition("/")
        if kind == "case":
            return _("case #%(number)s") % {"number": rest.partition("/")[0]}
        return str(_SOURCES.get(kind, self.reference.source_key))

    @property
    def region_json(self) -> str:
        """For the region tool; empty while none is marked."""
        return json.dumps(self.reference.region) if self.reference.region else ""

    @property
    def box(self) -> dict[str, str]:
        """The region for an SVG, with points in the numbers whatever the language."""
        names = ("x", "y", "width", "height")
        return dict(zip(names, map(repr, self.reference.region or ()), strict=False))


class Gallery:
    """One page of an implant's references, asked for when the template draws it."""

    def __init__(self, request: HttpRequest, implant_id: str, references: ModelAdmin) -> None:
        self._request, self._implant_id, self._admin = request, implant_id, references

    @property
    def _references(self) -> QuerySet[Any]:
        return references_with_state().filter(implant=self._implant_id).order_by("-pk")

    @cached_property
    def page(self) -> Page:
        """The page that the address asks for, the newest references first."""
        pages = Paginator(self._references, GALLERY_SIZE)
        return pages.get_page(self._request.GET.get(_PAGE))

    @property
    def cards(self) -> list[Card]:
        """The references of that page."""
        return [Card(reference) for reference in self.page]

    @property
    def is_waiting(self) -> bool:
        """Whether some vector is still to come."""
        return self._references.filter(encoding_state=EncodingState.WAITING).exists()

    @cached_property
    def actions(self) -> list[tuple[str, str]]:
        """What can be done with several at once, as the list of references offers it."""
        return [choice for choice in self._admin.get_action_choices(self._request) if choice[0]]


@require_POST
def mark_region(request: HttpRequest, object_id: int) -> HttpResponse:
    """Mark the implant on a reference anew; its vector is made anew by a job."""
    if not request.user.has_perm("implants.change_referenceimage"):
        raise PermissionDenied
    reference = get_object_or_404(ReferenceImage, pk=object_id)
    form = RegionForm(request.POST)
    if not form.is_valid():
        return refused(first_error(form), HTTPStatus.BAD_REQUEST)
    changed = change_region(reference, form.cleaned_data["region"], request.user)
    return JsonResponse({"state": "saved", "changed": changed})
