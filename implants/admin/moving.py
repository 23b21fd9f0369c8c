"""References go to another implant: an action of their list, and a page of its own."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from implants.admin.chosen import back_to, chosen_ids
from implants.models import Implant, ReferenceImage
from implants.moving import Moved, move_references
from raiox.common.choosing import RowSelect

_SHOWN = 24


class _TargetForm(forms.Form):
    implant = forms.ModelChoiceField(
        Implant.objects.select_related("manufacturer"),
        label=gettext_lazy("Move to"),
        widget=RowSelect(
            ReferenceImage._meta.get_field("implant"),
            admin.site,
            attrs={"data-width": "100%"},
        ),
    )


class MoveMixin:
    """The action and its page; for the admin of references."""

    def get_urls(self) -> list[Any]:
        """`move/` takes `ids` with commas between them."""
        guard = self.admin_site.admin_view  # type: ignore[attr-defined]
        own: list[URLPattern] = [
            path("move/", guard(self.move_view), name="implants_referenceimage_move")
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    @admin.action(permissions=["change"], description=gettext_lazy("Move to another implant…"))
    def move(self, request: HttpRequest, queryset: QuerySet[ReferenceImage]) -> HttpResponse:
        """Ask where to."""
        return self._ask(request, list(queryset.values_list("pk", flat=True)), _TargetForm())

    def move_view(self, request: HttpRequest) -> HttpResponse:
        """Ask, or do it and say what was done."""
        if not self.has_change_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        ids = chosen_ids(request)
        if not ids:
            return redirect("admin:implants_referenceimage_changelist")
        form = _TargetForm(request.POST if request.method == "POST" else None)
        if request.method != "POST" or not form.is_valid():
            return self._ask(request, ids, form)
        target = form.cleaned_data["implant"]
        tell(request, move_references(ids, target, request.user), target)
        return redirect(back_to(request, "admin:implants_referenceimage_changelist"))

    def _ask(self, request: HttpRequest, ids: list[int], form: _TargetForm) -> HttpResponse:
        chosen = ReferenceImage.objects.filter(pk__in=ids)
        implants = Implant.objects.filter(references__in=chosen).select_related("manufacturer")
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Move to another implant"),
            "opts": self.opts,  # type: ignore[attr-defined]
            "form": form,
            "media": self.media + form.media,  # type: ignore[attr-defined]
            "ids": ",".join(map(str, ids)),
            "next": back_to(request, "admin:implants_referenceimage_changelist"),
            "count": chosen.count(),
            "sources": implants.annotate(leaving=Count("references")).order_by("-leaving"),
            "shown": chosen.select_related("implant__manufacturer").order_by("pk")[:_SHOWN],
        }
        return TemplateResponse(request, "admin/implants/referenceimage/move.html", context)


def tell(request: HttpRequest, done: Moved, target: Implant) -> None:
    """Say what became of each reference."""
    if done.moved:
        text = ngettext(
            "%(count)d radiograph now belongs to %(implant)s.",
            "%(count)d radiographs now belong to %(implant)s.",
            len(done.moved),
        )
        messages.success(request, text % {"count": len(done.moved), "implant": target})
    if done.known:
        text = ngettext(
            "%(count)d radiograph stayed where it was: %(implant)s has the same film already.",
            "%(count)d radiographs stayed where they were: %(implant)s has the same films already.",
            len(done.known),
        )
        messages.warning(request, text % {"count": len(done.known), "implant": target})
    if not done.moved and not done.known:
        messages.info(
            request, _("Nothing to move: %(implant)s has them all.") % {"implant": target}
        )
