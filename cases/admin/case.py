"""The reviewers' queue and the page of a case."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _

from cases import claims
from cases.admin.actions import PERMISSION, CaseActions
from cases.admin.bulk import BulkActions
from cases.admin.changelist import CaseList, CountedPaginator, search
from cases.admin.claiming import claim_state, claim_urls
from cases.admin.columns import Columns
from cases.admin.marking import marking_urls
from cases.admin.news import news_urls
from cases.admin.page import build_desk, case_context
from cases.admin.promoting import PromotionPages
from cases.admin.undo import offered_undo
from cases.forms import Desk
from cases.models import Case
from cases.privacy.access import note_cases
from cases.privacy.models import AccessRecord
from raiox.common.audit import ReadOnlyAdmin


@admin.register(Case)
class CaseAdmin(Columns, BulkActions, ReadOnlyAdmin):
    """Cases are decided on a page of our own; nothing is edited field by field."""

    list_display = ("film", "dentist", "tooth", "age", "suggestion", "marks")
    list_display_links = ("film", "dentist")
    list_select_related = ("form", "claimed_by")
    search_fields = ("search_text", "=id")
    search_help_text = _("Dentist, patient, tooth, submission or case number")
    ordering = ("created_at", "pk")
    list_per_page = 50
    paginator = CountedPaginator
    empty_value_display = "—"
    show_full_result_count = False
    actions = ("analyze_again", "reopen")
    actions_selection_counter = True
    change_list_template = "admin/cases/case/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """The buttons' addresses before Django's own."""
        wrap = self.admin_site.admin_view
        actions = CaseActions(self._show, wrap)
        promotion = PromotionPages(self.admin_site.each_context, wrap)
        case_urls = [*actions.urls(), *claim_urls(wrap), *marking_urls(wrap), *promotion.urls()]
        ours = [*case_urls, *news_urls(wrap)]
        urls: list[URLPattern] = [*ours, *super().get_urls()]
        return urls

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether this person may do something with many cases at once."""
        return request.user.has_perm(PERMISSION)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CaseList]:
        """The list that loads what its columns show."""
        return CaseList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Case], search_term: str
    ) -> tuple[QuerySet[Case], bool]:
        """Without minding accents and capitals; nothing is found twice."""
        return search(queryset, search_term), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The queue, with the offer to take back the last decision."""
        extra = {
            "undo": offered_undo(request),
            "title": _("Cases"),
            "is_nav_sidebar_enabled": False,
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a case."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        case: Case | None = self.get_object(request, unquote(object_id))
        if case is None:
            raise Http404
        if request.user.has_perm(PERMISSION):
            claims.claim(case, cast(User, request.user))
        return self._show(request, case, build_desk(case, cast(User, request.user)), 200)

    def _show(self, request: HttpRequest, case: Case, desk: Desk, status: int) -> HttpResponse:
        user = cast(User, request.user)
        note_cases(user, [case], AccessRecord.What.CASE)
        may_decide = user.has_perm(PERMISSION)
        is_taken = case.state == Case.State.PENDING and case.claimant not in (None, user)
        is_open = case.state == Case.State.PENDING and not is_taken
        context = {
            **self.admin_site.each_context(request),
            **case_context(case, user, desk),
            "title": _("Case %(case)s") % {"case": case},
            "opts": self.opts,
            "undo": offered_undo(request),
            "may_decide": may_decide,
            "claim": claim_state(case, user),
            "has_form": may_decide and (is_open or desk.is_bound),
            "is_mine": case.decided_by_id == user.pk,
            "is_nav_sidebar_enabled": False,
        }
        return TemplateResponse(request, "admin/cases/case/page.html", context, status=status)
