"""Batch edit: several rows of a list get the same values, in the fields that were chosen."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from implants.admin.chosen import back_to, chosen_ids
from implants.batch import Change, batch_mark, changes_of, write
from implants.forms import ImplantForm

_SHOWN = 200


def batch_form(model: Any, names: tuple[str, ...], data: Any) -> forms.ModelForm:
    """The fields with these names, and for each a box that says whether it counts."""
    widgets: dict[str, Any] = dict(ImplantForm.Meta.widgets)
    factory = forms.modelform_factory(
        model, fields=names, widgets=widgets, localized_fields=list(names)
    )
    form: forms.ModelForm = factory(data)
    if "diameters_mm" in names:
        form.fields["diameters_mm"] = ImplantForm.base_fields["diameters_mm"]
    for name in names:
        form.fields[name].required = False
    return form


class BatchMixin(admin.ModelAdmin):
    """The action and its page; `batch_fields` may be set together."""

    batch_fields: tuple[str, ...] = ()

    def get_urls(self) -> list[Any]:
        """`batch/` takes `ids` with commas between them."""
        name = f"implants_{self.opts.model_name}_batch"
        guard = self.admin_site.admin_view
        own: list[URLPattern] = [path("batch/", guard(self.batch_view), name=name)]
        return [*own, *super().get_urls()]

    @admin.action(permissions=["change"], description=gettext_lazy("Edit several at once…"))
    def batch(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Ask which fields get which values."""
        ids = list(queryset.values_list("pk", flat=True))
        return self._ask_batch(request, ids, batch_form(self.model, self.batch_fields, None), [])

    def batch_view(self, request: HttpRequest) -> HttpResponse:
        """Ask, show what would change, or do what was shown."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        ids = chosen_ids(request)
        chosen = [name for name in self.batch_fields if f"set_{name}" in request.POST]
        form = batch_form(self.model, self.batch_fields, request.POST or None)
        if request.method != "POST" or not ids:
            return redirect(self._list_address())
        if "back" in request.POST or not self._is_batch_valid(request, form, chosen):
            return self._ask_batch(request, ids, form, chosen)
        return self._show_or_do(request, ids, form, chosen)

    def _is_batch_valid(
        self, request: HttpRequest, form: forms.ModelForm, chosen: list[str]
    ) -> bool:
        """Fields that were not chosen may hold anything."""
        if not chosen:
            messages.warning(request, _("Choose at least one field."))
            return False
        form.is_valid()
        return not set(form.errors) & set(chosen)

    def _show_or_do(
        self, request: HttpRequest, ids: list[int], form: forms.ModelForm, chosen: list[str]
    ) -> HttpResponse:
        values = {name: form.cleaned_data[name] for name in chosen}
        with transaction.atomic():
            rows = self.model.objects.select_for_update(of=("self",)).filter(pk__in=ids)
            changes = changes_of(list(rows.order_by("pk")), values)
            mark = batch_mark(changes)
            if request.POST.get("mark") == mark:
                write(changes, values, request.user)
                return self._batch_done(request, changes)
        if "mark" in request.POST:
            messages.warning(request, _("Something has changed meanwhile: look again."))
        return self._confirm_batch(request, ids, form, chosen, changes, mark)

    def _batch_done(self, request: HttpRequest, changes: list[Change]) -> HttpResponse:
        count = len({change.row.pk for change in changes})
        text = ngettext("%(count)d row was changed.", "%(count)d rows were changed.", count)
        messages.success(request, text % {"count": count})
        return redirect(self._way_back(request))

    def _confirm_batch(
        self, request: HttpRequest, ids: list[int], form: forms.ModelForm, chosen: list[str],
        changes: list[Change], mark: str,
    ) -> HttpResponse:  # fmt: skip
        touched = len({change.row.pk for change in changes})
        context = {
            "sent": [
                (name, value) for name in self.batch_fields for value in request.POST.getlist(name)
            ],
            "changes": changes[:_SHOWN],
            "more": max(0, len(changes) - _SHOWN),
            "touched": touched,
            "untouched": len(ids) - touched,
            "mark": mark,
        }
        return self._batch_page(request, ids, form, chosen, "confirm", **context)

    def _ask_batch(
        self, request: HttpRequest, ids: list[int], form: forms.ModelForm, chosen: list[str]
    ) -> HttpResponse:
        fields = [(form[name], name in chosen) for name in self.batch_fields]
        rows = self.model.objects.filter(pk__in=ids)
        return self._batch_page(
            request, ids, form, chosen, "ask", fields=fields, rows=rows[:12], count=rows.count()
        )

    def _batch_page(
        self, request: HttpRequest, ids: list[int], form: forms.ModelForm, chosen: list[str],
        step: str, **context: Any,
    ) -> HttpResponse:  # fmt: skip
        return TemplateResponse(
            request,
            "admin/implants/batch.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Edit several at once"),
                "opts": self.opts,
                "list_address": self._list_address(),
                "next": self._way_back(request),
                "batch_address": reverse(f"admin:implants_{self.opts.model_name}_batch"),
                "ids": ",".join(map(str, ids)),
                "step": step,
                "form": form,
                "chosen": chosen,
                **context,
            },
        )

    def _way_back(self, request: HttpRequest) -> str:
        """The list, or the gallery in which the rows were chosen."""
        return back_to(request, f"admin:implants_{self.opts.model_name}_changelist")

    def _list_address(self) -> str:
        return reverse(f"admin:implants_{self.opts.model_name}_changelist")
