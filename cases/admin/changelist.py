"""The rows of the queue: cases with what their columns show, in a fixed number of queries."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases.candidates import shortlists_of
from cases.models import Case, CaseImage
from cases.waiting import is_postponed, is_undelivered, is_waiting

WAITING = "waiting"


class CaseList(ChangeList):
    """Adds `shortlists` (of each finding that has candidates) and `is_undelivered`."""

    def get_results(self, request: HttpRequest) -> None:
        """Load the page's rows at once, then everything that their columns need."""
        super().get_results(request)
        cases: Any = list(self.result_list)
        images = CaseImage.objects.only("pk", "case", "state", "refusal")
        prefetch_related_objects(cases, Prefetch("images", queryset=images), "findings")
        found = shortlists_of([finding for case in cases for finding in case.findings.all()])
        shown = Case.objects.filter(is_undelivered(), pk__in=[case.pk for case in cases])
        undelivered = set(shown.values_list("pk", flat=True))
        for case in cases:
            case.is_undelivered = case.pk in undelivered
            shortlists = [found[finding.pk] for finding in case.findings.all()]
            case.shortlists = [shortlist for shortlist in shortlists if shortlist.candidates]
        self.result_list = cases


class WaitingFilter(admin.SimpleListFilter):
    """What to show; without a choice the cases that wait, but a search looks everywhere."""

    title = _("state")
    parameter_name = "show"
    _CONDITIONS = {
        WAITING: is_waiting,
        "postponed": is_postponed,
        "coming": lambda: Q(state__in=[Case.State.RECEIVED, Case.State.ANALYZING]),
        "approved": lambda: Q(state=Case.State.APPROVED),
        "rejected": lambda: Q(state=Case.State.REJECTED),
        "all": Q,
    }

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self._default = "all" if request.GET.get("q") else WAITING

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices, in the order of a day's work."""
        return [
            (WAITING, _("waiting")),
            ("postponed", _("put off")),
            ("coming", _("being analysed")),
            ("approved", _("approved")),
            ("rejected", _("rejected")),
            ("all", _("all")),
        ]

    def choices(self, changelist: Any) -> Any:
        """Without Django's own “all” in front, since nothing chosen means waiting."""
        chosen = self.value() or self._default
        counts = self.get_facet_queryset(changelist) if changelist.add_facets else {}
        for number, (value, title) in enumerate(self.lookup_choices):
            count = counts.get(f"{number}__c")
            yield {
                "selected": chosen == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}, ["p"]),
                "display": title if count is None else f"{title} ({count})",
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        """The rows of the choice; an unknown one shows what waits."""
        condition = self._CONDITIONS.get(self.value() or self._default, is_waiting)
        return queryset.filter(condition())
