"""Import and export of systems on the list of implants."""

import secrets
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from implants.exchange.importing import Preview, carry_out, look_at
from implants.exchange.resource import to_dataset
from implants.exchange.tables import MAX_BYTES, MAX_ROWS, Kind, TableError, write_table

_KEPT_SECONDS: Final = 3600
_TYPES: Final = {
    Kind.CSV: "text/csv; charset=utf-8",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class _FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("CSV or XLSX file"),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )


class ExchangeMixin:
    """Routes, pages and permissions; for the admin of implants."""

    def get_urls(self) -> list[Any]:
        """`import/`, and `export/csv/`, `export/xlsx/` with the list's filters."""
        guard = self.admin_site.admin_view  # type: ignore[attr-defined]
        own: list[URLPattern] = [
            path("import/", guard(self.import_view), name="implants_implant_import"),
            path("export/<str:kind>/", guard(self.export_view), name="implants_implant_export"),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """An import may create and change."""
        return request.user.has_perms(["implants.add_implant", "implants.change_implant"])

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, with the way to an import for whoever may."""
        extra = {"has_import_permission": self.has_import_permission(request)}
        return super().changelist_view(request, {**extra, **(extra_context or {})})  # type: ignore[misc]

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """What the list shows, as a file."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        if kind not in set(Kind):
            raise Http404
        shown = self.get_changelist_instance(request).get_queryset(request)  # type: ignore[attr-defined]
        data = write_table(Kind(kind), to_dataset(shown.order_by("manufacturer__name", "name")))
        name = f"raiox-sistemas-{timezone.localdate():%Y-%m-%d}.{kind}"
        return HttpResponse(
            data,
            content_type=_TYPES[Kind(kind)],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """The file, then what it would do, then doing it."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        if request.method == "POST" and "key" in request.POST:
            return self._carry_out(request)
        form = _FileForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            try:
                # One byte beyond the limit is enough to refuse a file.
                return self._preview(request, file.name, file.read(MAX_BYTES + 1))
            except TableError as error:
                form.add_error("file", str(error))
        return self._page(request, form=form)

    def _preview(self, request: HttpRequest, name: str, data: bytes) -> HttpResponse:
        preview = look_at(name, data, may_add_makers=_may_add_makers(request))
        key = secrets.token_urlsafe(16)
        if preview.is_possible:
            cache.set(_cache_key(request, key), (name, data), _KEPT_SECONDS)
        return self._page(request, form=_FileForm(), preview=preview, key=key, file_name=name)

    def _carry_out(self, request: HttpRequest) -> HttpResponse:
        kept = cache.get(_cache_key(request, request.POST["key"]))
        if kept is None:
            messages.error(request, _("The preview has expired: choose the file again."))
            return redirect("admin:implants_implant_import")
        name, data = kept
        mark, may_add = request.POST.get("mark", ""), _may_add_makers(request)
        done = carry_out(name, data, mark, may_add_makers=may_add, actor=request.user)
        if done.mark != mark or not done.is_possible:
            messages.warning(
                request, _("The catalogue has changed meanwhile: nothing was imported. Look again.")
            )
            return self._preview(request, name, data)
        cache.delete(_cache_key(request, request.POST["key"]))
        messages.success(request, _told(done))
        return redirect("admin:implants_implant_changelist")

    def _page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/implants/implant/import.html",
            {
                **self.admin_site.each_context(request),  # type: ignore[attr-defined]
                "title": _("Import systems"),
                "opts": self.opts,  # type: ignore[attr-defined]
                "max_megabytes": MAX_BYTES // 2**20,
                "max_rows": MAX_ROWS,
                **context,
            },
        )


def _may_add_makers(request: HttpRequest) -> bool:
    return request.user.has_perm("implants.add_manufacturer")


def _cache_key(request: HttpRequest, key: str) -> str:
    return f"import-{request.user.pk}-{key}"


def _told(done: Preview) -> str:
    new = ngettext("%(count)d implant created", "%(count)d implants created", done.new_count)
    changed = ngettext("%(count)d changed", "%(count)d changed", done.changed_count)
    counts = {"count": done.new_count}, {"count": done.changed_count}
    return _("Imported: %(new)s, %(changed)s.") % {
        "new": new % counts[0], "changed": changed % counts[1],
    }  # fmt: skip
