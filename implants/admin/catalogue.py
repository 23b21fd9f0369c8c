"""Manufacturers and implants."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from implants.admin.batch import BatchMixin
from implants.admin.changes import ChangesMixin, ReadableHistoryMixin
from implants.admin.exchange import ExchangeMixin
from implants.admin.films import FilmsMixin
from implants.admin.removal import delete_with_films
from implants.forms import ImplantForm
from implants.models import Implant, Manufacturer, ReferenceImage
from raiox.common.choosing import RowSelect


@admin.register(Manufacturer)
class ManufacturerAdmin(ReadableHistoryMixin, admin.ModelAdmin):
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
class ImplantAdmin(
    FilmsMixin, ExchangeMixin, BatchMixin, ChangesMixin, ReadableHistoryMixin, admin.ModelAdmin
):
    """Lines of implants; their page takes many radiographs at once and shows the gallery."""

    form = ImplantForm
    change_list_template = "admin/implants/implant/change_list.html"
    actions = ("batch", "merge")
    batch_fields = (
        "type", "connection", "connection_detail", "level", "body", "thread", "microthread",
        "apex", "apical_feature", "platform", "collar", "diameters_mm", "look_alike_group",
    )  # fmt: skip
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
        (None, {"fields": ("manufacturer", "name", "aliases", "is_demo")}),
        (_("Attributes"), {"fields": _WHAT_A_FILM_SHOWS}),
        (_("Sources"), {"classes": ["collapse"], "fields": ("sources",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Implant]:
        """With manufacturer and number of references: lists and search fields name both."""
        implants = super().get_queryset(request).select_related("manufacturer")
        return implants.annotate(reference_count=Count("references"))

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **options: Any
    ) -> ModelChoiceField | None:
        """Our own search field for the manufacturer."""
        widget = RowSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, widget=widget, **options)

    def response_post_save_add(self, request: HttpRequest, obj: Implant) -> HttpResponseRedirect:
        """A new implant's page is where its radiographs are dropped."""
        return redirect("admin:implants_implant_change", obj.pk)

    def delete_model(self, request: HttpRequest, obj: Implant) -> None:
        """Delete an implant with its references and their films."""
        rows = Implant.objects.filter(pk=obj.pk)
        delete_with_films(rows, ReferenceImage.objects.filter(implant=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Implant]) -> None:
        """Delete several of them."""
        rows = Implant.objects.filter(pk__in=queryset.values_list("pk", flat=True))
        delete_with_films(rows, ReferenceImage.objects.filter(implant__in=rows))

    @admin.action(permissions=["change", "delete"], description=_("Merge two implants…"))
    def merge(self, request: HttpRequest, queryset: QuerySet[Implant]) -> HttpResponse:
        """The page is one of another application: past results follow, too."""
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[:3])
        if len(chosen) != 2:
            messages.warning(request, gettext("Choose exactly two implants."))
            return redirect("admin:implants_implant_changelist")
        pair = urlencode({"stays": chosen[0], "goes": chosen[1]})
        return redirect(f"{reverse('admin:merge_implants')}?{pair}")

    @admin.display(description=_("references"), ordering="reference_count")
    def references(self, implant: Implant) -> int:
        """How many radiographs document it."""
        return int(implant.reference_count)  # type: ignore[attr-defined]  # annotated
