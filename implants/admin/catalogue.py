"""Manufacturers and implants, with their galleries and the upload of references."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from implants.admin.exchange import ExchangeMixin
from implants.admin.removal import delete_with_films
from implants.admin.states import references_with_state, state_badge
from implants.admin.upload import add_uploads
from implants.forms import ImplantForm
from implants.models import Implant, Manufacturer, ReferenceImage

GALLERY_SIZE = 60
_UPLOAD = "implants.add_referenceimage"


@admin.register(Manufacturer)
class ManufacturerAdmin(admin.ModelAdmin):
    """Manufacturers with the number of their lines."""

    list_display = ("name", "country", "implants")
    ordering = ("name",)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Manufacturer]:
        """With the number of implants."""
        return super().get_queryset(request).annotate(implant_count=Count("implants"))

    @admin.display(description=_("implants"), ordering="implant_count")
    def implants(self, manufacturer: Manufacturer) -> int:
        """How many lines are in the catalogue."""
        return int(manufacturer.implant_count)  # type: ignore[attr-defined]  # annotated


@admin.register(Implant)
class ImplantAdmin(ExchangeMixin, admin.ModelAdmin):
    """Lines of implants; their page takes many radiographs at once and shows the gallery."""

    form = ImplantForm
    change_form_template = "admin/implants/implant/change_form.html"
    change_list_template = "admin/implants/implant/change_list.html"
    list_display = ("name", "manufacturer", "type", "connection", "references", "is_demo")
    list_filter = ("is_demo", "manufacturer", "connection", "type")
    list_select_related = ("manufacturer",)
    ordering = ("manufacturer__name", "name")
    list_per_page = 100
    search_fields = ("name", "aliases", "manufacturer__name")
    search_help_text = _("Name, alias or manufacturer")
    autocomplete_fields = ("manufacturer",)
    readonly_fields = ("is_demo",)
    _WHAT_A_FILM_SHOWS = (
        "type",
        ("connection", "connection_detail"),
        "level",
        "body",
        ("thread", "microthread"),
        ("apex", "apical_feature"),
        "platform",
        "collar",
        "diameters_mm",
        "look_alike_group",
    )
    fieldsets = (
        (None, {"fields": ("manufacturer", "name", "aliases", "is_demo", "radiographs")}),
        (_("Attributes"), {"fields": _WHAT_A_FILM_SHOWS}),
        (_("Sources"), {"classes": ["collapse"], "fields": ("sources",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Implant]:
        """With manufacturer and number of references: lists and search fields name both."""
        implants = super().get_queryset(request).select_related("manufacturer")
        return implants.annotate(reference_count=Count("references"))

    def get_fieldsets(self, request: HttpRequest, obj: Implant | None = None) -> Any:
        """Without the upload for somebody who may add no references."""
        first, *others = super().get_fieldsets(request, obj)
        may_save = self.has_change_permission(request, obj) if obj else True
        if may_save and request.user.has_perm(_UPLOAD):
            return [first, *others]
        seen = [name for name in first[1]["fields"] if name != "radiographs"]
        return [(first[0], {**first[1], "fields": seen}), *others]

    def save_model(
        self, request: HttpRequest, obj: Implant, form: ImplantForm, change: bool
    ) -> None:
        """Save the implant, then take its new references."""
        super().save_model(request, obj, form, change)
        add_uploads(request, obj, form.cleaned_data.get("radiographs", []))

    def response_post_save_change(self, request: HttpRequest, obj: Implant) -> HttpResponseRedirect:
        """After an upload the gallery is what one wants to see."""
        if request.FILES:
            return redirect("admin:implants_implant_change", obj.pk)
        return super().response_post_save_change(request, obj)

    def response_post_save_add(self, request: HttpRequest, obj: Implant) -> HttpResponseRedirect:
        """The same for a new implant."""
        if request.FILES:
            return redirect("admin:implants_implant_change", obj.pk)
        return super().response_post_save_add(request, obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form with the gallery below it."""
        gallery = {"gallery": _Gallery(object_id)}
        return super().change_view(
            request, object_id, form_url, {**gallery, **(extra_context or {})}
        )

    def delete_model(self, request: HttpRequest, obj: Implant) -> None:
        """Delete an implant with its references and their films."""
        rows = Implant.objects.filter(pk=obj.pk)
        delete_with_films(rows, ReferenceImage.objects.filter(implant=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Implant]) -> None:
        """Delete several of them."""
        rows = Implant.objects.filter(pk__in=queryset.values_list("pk", flat=True))
        delete_with_films(rows, ReferenceImage.objects.filter(implant__in=rows))

    @admin.display(description=_("references"), ordering="reference_count")
    def references(self, implant: Implant) -> int:
        """How many radiographs document it."""
        return int(implant.reference_count)  # type: ignore[attr-defined]  # annotated


class _Gallery:
    """The references of an implant, asked for when the template draws them."""

    def __init__(self, implant_id: str) -> None:
        self._implant_id = implant_id

    @property
    def _references(self) -> QuerySet[Any]:
        return references_with_state().filter(implant=self._implant_id).order_by("-pk")

    @property
    def count(self) -> int:
        """All of them."""
        return self._references.count()

    @property
    def items(self) -> list[tuple[ReferenceImage, str]]:
        """The newest, each with the badge of its state."""
        return [(found, state_badge(found)) for found in self._references[:GALLERY_SIZE]]

    @property
    def is_waiting(self) -> bool:
        """Whether some vector is still to come."""
        return self._references.filter(encoding_state="waiting").exists()
