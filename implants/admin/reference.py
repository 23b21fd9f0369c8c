"""Reference radiographs: a list to look through; they are added on their implant's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from implants.admin.batch import BatchMixin
from implants.admin.changes import ReadableHistoryMixin
from implants.admin.chosen import back_to
from implants.admin.moving import MoveMixin
from implants.admin.removal import delete_with_films
from implants.admin.states import state_badge
from implants.admin.suspects import SuspectsMixin
from implants.catalogue import EncodingState, with_encoding_state
from implants.models import ReferenceImage


class StateFilter(admin.SimpleListFilter):
    """How far the active encoder has got."""

    title = _("vector")
    parameter_name = "vector"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """The states in the catalogue's words."""
        return EncodingState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """References in the chosen state."""
        return queryset.filter(encoding_state=self.value()) if self.value() else queryset


@admin.register(ReferenceImage)
class ReferenceImageAdmin(
    MoveMixin, BatchMixin, SuspectsMixin, ReadableHistoryMixin, admin.ModelAdmin
):
    """Sizes may be corrected; film and implant of a reference stay what they are."""

    change_list_template = "admin/implants/referenceimage/change_list.html"
    actions = ("move", "batch")
    batch_fields = ("diameter_mm", "length_mm")
    list_display = ("thumbnail", "implant", "diameter_mm", "length_mm", "vector", "is_demo")
    list_display_links = ("thumbnail", "implant")
    list_filter = (StateFilter, "is_demo", "implant__manufacturer")
    list_select_related = ("implant__manufacturer",)
    list_per_page = 60
    search_fields = ("implant__name", "implant__manufacturer__name", "source_key")
    fields = (
        "film",
        "implant_page",
        "diameter_mm",
        "length_mm",
        "vector",
        "region",
        "source_key",
        "is_demo",
        "created_at",
    )
    readonly_fields = (
        "film",
        "implant_page",
        "vector",
        "region",
        "source_key",
        "is_demo",
        "created_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Radiographs are uploaded on their implant's page."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReferenceImage]:
        """With the state of their vectors."""
        return with_encoding_state(super().get_queryset(request))

    def delete_model(self, request: HttpRequest, obj: ReferenceImage) -> None:
        """Delete one with its film."""
        row = ReferenceImage.objects.filter(pk=obj.pk)
        delete_with_films(row, row)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ReferenceImage]) -> None:
        """Delete several with their films."""
        rows = ReferenceImage.objects.filter(pk__in=queryset.values_list("pk", flat=True))
        delete_with_films(rows, rows)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """After the confirmation back to the implant's page, where the gallery is."""
        reference = self.get_object(request, object_id)
        response = super().delete_view(request, object_id, extra_context)
        if reference and request.method == "POST" and response.status_code == 302:
            if "next" in request.GET:
                return redirect(back_to(request, "admin:implants_referenceimage_changelist"))
            return redirect("admin:implants_implant_change", reference.implant_id)
        return response

    @admin.display(description=_("radiograph"))
    def thumbnail(self, reference: ReferenceImage) -> SafeString:
        """A small picture."""
        return format_html(
            '<img class="rx-thumb" src="{}" alt="{}" width="72" height="72" loading="lazy">',
            reverse("implants:reference-thumbnail", args=[reference.pk]),
            reference,
        )

    @admin.display(description=_("radiograph"))
    def film(self, reference: ReferenceImage) -> SafeString:
        """The whole picture; a click opens it in full size."""
        address = reverse("implants:reference-image", args=[reference.pk])
        picture = '<a href="{}" target="_blank"><img class="rx-reference" src="{}" alt="{}"></a>'
        return format_html(picture, address, address, reference)

    @admin.display(description=_("implant"))
    def implant_page(self, reference: ReferenceImage) -> SafeString:
        """The implant's page."""
        address = reverse("admin:implants_implant_change", args=[reference.implant_id])
        return format_html('<a href="{}">{}</a>', address, reference.implant)

    @admin.display(description=_("vector"))
    def vector(self, reference: ReferenceImage) -> SafeString:
        """How far the active encoder has got with it."""
        return state_badge(reference)
