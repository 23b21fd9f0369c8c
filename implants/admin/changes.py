"""“Últimas alterações”: who changed what in the catalogue, and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from implants.history import SERVICE
from implants.models import Implant, Manufacturer, ReferenceImage

_PAGE: Final = 50
_MODELS: Final = (Implant, ReferenceImage, Manufacturer)
_TONES: Final = {ADDITION: "rx-good", DELETION: "rx-bad"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; `address` is that of the row's own history, empty when the row is gone."""

    when: datetime
    who: str
    kind: str
    name: str
    address: str
    what: str
    tone: str


class ReadableHistoryMixin:
    """What a form has changed, by the words that stand on the page."""

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Django's own names the fields in English, and can't translate them any more."""
        if add or not form.changed_data:
            return super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]
        labels = [str(form.fields[name].label or name) for name in form.changed_data]
        return _("Changed: %(fields)s.") % {"fields": ", ".join(labels)}


class ChangesMixin:
    """The page; for the admin of implants."""

    def get_urls(self) -> list[Any]:
        """`changes/`."""
        view = self.admin_site.admin_view(self.changes_view)  # type: ignore[attr-defined]
        own: list[URLPattern] = [path("changes/", view, name="implants_implant_changes")]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def changes_view(self, request: HttpRequest) -> HttpResponse:
        """The newest first; a fixed number of queries."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        types = ContentType.objects.get_for_models(*_MODELS)
        entries = LogEntry.objects.filter(content_type__in=types.values())
        ordered = entries.select_related("user", "content_type").order_by("-action_time", "-pk")
        page = Paginator(ordered, _PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Latest changes"),
            "opts": self.opts,  # type: ignore[attr-defined]
            "page": page,
            "entries": _entries(list(page)),
        }
        return TemplateResponse(request, "admin/implants/changes.html", context)


def _entries(rows: list[LogEntry]) -> list[Entry]:
    there = {model: _there(model, rows) for model in _MODELS}
    return [_entry(row, there) for row in rows]


def _there(model: Any, rows: Iterable[LogEntry]) -> set[str]:
    """Which of the rows that are spoken of are still there."""
    name = model._meta.model_name
    ids = [row.object_id for row in rows if row.content_type and row.content_type.model == name]
    return {str(pk) for pk in model.objects.filter(pk__in=ids).values_list("pk", flat=True)}


def _entry(row: LogEntry, there: dict[Any, set[str]]) -> Entry:
    model: Any = row.content_type.model_class() if row.content_type else None
    address = ""
    if model and row.object_id in there[model]:
        address = reverse(f"admin:implants_{model._meta.model_name}_history", args=[row.object_id])
    return Entry(
        when=row.action_time,
        who=_who(row),
        kind=str(model._meta.verbose_name) if model else "",
        name=row.object_repr,
        address=address,
        what=row.get_change_message() or _word(row),
        tone=_TONES.get(row.action_flag, "rx-warn"),
    )


def _who(row: LogEntry) -> str:
    if row.user.get_username() == SERVICE:
        return _("the service")
    return row.user.get_full_name() or row.user.get_username()


def _word(row: LogEntry) -> str:
    if row.is_addition():
        return _("Added.")
    return _("Deleted.") if row.is_deletion() else _("Changed.")
