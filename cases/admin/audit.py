"""What the service wrote down about its work: to be read, never to be changed."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from cases.models import CaseEvent, Delivery, Result, Search
from cases.privacy.models import AccessRecord
from implants.doubt import Concern
from raiox.common.audit import ReadOnlyAdmin


def case_link(case_id: int) -> SafeString:
    """A link to the page of a case."""
    return format_html(
        '<a href="{}">#{}</a>', reverse("admin:cases_case_change", args=[case_id]), case_id
    )


class _BehindTheScenes(ReadOnlyAdmin):
    """In the menu of superusers only: reviewers find these on the page of the case."""

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """An empty answer leaves the model out of the menu."""
        return super().get_model_perms(request) if request.user.is_superuser else {}


@admin.register(Search)
class SearchAdmin(_BehindTheScenes):
    """Questions to the catalogue."""

    list_display = (
        "id", "case", "image", "encoder", "confidence", "observations", "concern_labels",
        "created_at",
    )  # fmt: skip
    list_filter = ("encoder", "confidence")
    search_fields = ("=finding__case__id",)
    list_select_related = ("finding__case", "image__case", "encoder")
    fields = (
        "case", "finding", "image", "region", "encoder", "confidence", "observations",
        "concern_labels", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Search]:
        """Without the vectors, which no page shows."""
        related = super().get_queryset(request).select_related(*self.list_select_related)
        return related.defer("embedding")

    @admin.display(description=_("case"))
    def case(self, search: Search) -> SafeString:
        """The case's page."""
        return case_link(search.finding.case_id)

    @admin.display(description=_("what speaks against the image"), empty_value="—")
    def concern_labels(self, search: Search) -> str:
        """The concerns in words."""
        return ", ".join(str(Concern(code).label) for code in search.concerns)


@admin.register(Result)
class ResultAdmin(_BehindTheScenes):
    """Candidates of searches."""

    list_display = ("id", "case", "rank", "implant", "similarity_number", "search")
    search_fields = ("=search__finding__case__id", "implant__name")
    list_select_related = ("implant__manufacturer", "search__finding__case", "search__encoder")
    fields = ("case", "search", "rank", "implant", "reference", "similarity_number")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Result]:
        """Without the vectors of the searches."""
        related = super().get_queryset(request).select_related(*self.list_select_related)
        return related.defer("search__embedding")

    @admin.display(description=_("case"))
    def case(self, result: Result) -> SafeString:
        """The case's page."""
        return case_link(result.search.finding.case_id)

    @admin.display(description=_("similarity"), ordering="similarity")
    def similarity_number(self, result: Result) -> str:
        """1 - cosine distance, with four places."""
        return str(floatformat(result.similarity, 4))


@admin.register(CaseEvent)
class CaseEventAdmin(_BehindTheScenes):
    """The timeline of all cases."""

    list_display = ("created_at", "case_page", "kind", "actor", "correlation_id")
    list_filter = ("kind",)
    search_fields = ("=case__id", "correlation_id")
    list_select_related = ("case", "actor")
    ordering = ("-pk",)

    @admin.display(description=_("case"))
    def case_page(self, event: CaseEvent) -> SafeString:
        """The case's page."""
        return case_link(event.case_id)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Attempts to write into Jotform."""

    list_display = (
        "id",
        "case_page",
        "kind",
        "attempt",
        "state",
        "reason",
        "due_at",
        "finished_at",
    )
    list_filter = ("state", "reason", "kind")
    search_fields = ("=case__id", "case__submission_id")
    list_select_related = ("case",)
    ordering = ("-pk",)

    @admin.display(description=_("case"))
    def case_page(self, delivery: Delivery) -> SafeString:
        """The case's page."""
        return case_link(delivery.case_id)


@admin.register(AccessRecord)
class AccessRecordAdmin(_BehindTheScenes):
    """Who saw what of which case."""

    list_display = ("created_at", "user", "what", "case_number", "image_number")
    list_filter = ("what", "user")
    list_select_related = ("user",)
    search_fields = ("=case_number", "user__username")
    search_help_text = _("Number of the case, or name of the user")
    date_hierarchy = "created_at"
