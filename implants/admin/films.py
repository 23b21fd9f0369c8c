"""The part of an implant's page that is about its films: the upload desk and the gallery."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from implants.admin.gallery import Gallery, mark_region
from implants.admin.upload import PERMISSION, UploadDesk
from implants.forms import ACCEPTED
from implants.models import Implant, ReferenceImage
from implants.radiograph import MAX_BYTES

_SEE = "implants.view_referenceimage"


class FilmsMixin(admin.ModelAdmin):
    """Adds films to the page of an implant that exists already."""

    change_form_template = "admin/implants/implant/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """The desk's addresses before Django's own."""
        implants = Implant.objects.select_related("manufacturer")
        desk = UploadDesk(implants, self.admin_site.admin_view)
        urls: list[URLPattern] = [
            *desk.urls(),
            path(
                "<int:object_id>/gallery/",
                self.admin_site.admin_view(self._gallery_view),
                name="implants_implant_gallery",
            ),
            path(
                "references/<int:object_id>/region/",
                self.admin_site.admin_view(mark_region),
                name="implants_implant_mark-region",
            ),
            *super().get_urls(),
        ]
        return urls

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form with the films before it."""
        films = {
            "gallery": self._gallery(request, object_id),
            "may_upload": request.user.has_perm(PERMISSION),
            "accepted": ACCEPTED,
            "max_bytes": MAX_BYTES,
        }
        return super().change_view(request, object_id, form_url, {**films, **(extra_context or {})})

    def _gallery_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The gallery alone, for the script that keeps it fresh."""
        if not request.user.has_perm(_SEE):
            raise PermissionDenied
        implant = get_object_or_404(Implant, pk=object_id)
        gallery = self._gallery(request, str(object_id))
        context = {"gallery": gallery, "original": implant}
        return TemplateResponse(request, "admin/implants/implant/gallery.html", context)

    def _gallery(self, request: HttpRequest, implant_id: str) -> Gallery:
        return Gallery(request, implant_id, self.admin_site.get_model_admin(ReferenceImage))
