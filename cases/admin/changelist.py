"""The rows of the queue: cases with what their columns show, in a fixed number of queries."""

from dataclasses import dataclass
from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Max, Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.functional import Promise, cached_property

from cases.admin.facets import PARAMETERS, Choice, Facet, count, facets, with_flags
from cases.candidates import shortlists_of
from cases.impressions import as_seen_by, looks_first
from cases.models import Case, CaseEvent, CaseImage
from cases.plain import plain
from cases.waiting import is_undelivered


@dataclass(frozen=True)
class Link:
    """A choice of a filter on the page; an active one leads back to none."""

    label: str | Promise
    count: int
    is_active: bool
    query: str


@dataclass(frozen=True)
class Menu:
    """A filter on the page."""

    parameter: str
    title: str | Promise
    links: list[Link]


class CountedPaginator(Paginator):
    """Does not count again what the filters have counted."""

    @cached_property
    def count(self) -> int:
        """The length of the whole list."""
        counted: int | None = getattr(self.object_list, "counted", None)
        return super().count if counted is None else counted


class CaseList(ChangeList):
    """Adds the filters with their counts; of each row `shortlists`, `is_undelivered`, and the
    colleague who has it open as `holder`."""

    def get_filters_params(self, params: Any = None) -> Any:
        """What is left for Django: our filters count and filter themselves, in one query."""
        left = super().get_filters_params(params)
        return {name: value for name, value in left.items() if name not in PARAMETERS}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Case]:
        """The cases of the search for which every chosen filter holds."""
        self.chosen: dict[Facet, Choice | None] = {
            facet: facet.chosen(self.params.get(facet.parameter))
            for facet in facets(
                is_search=bool(self.query), is_blind=looks_first(cast(User, request.user))
            )
        }
        cases = with_flags(super().get_queryset(request, exclude_parameters))
        for choice in self.chosen.values():
            cases = cases.filter(choice.condition()) if choice else cases
        return cases

    def get_results(self, request: HttpRequest) -> None:
        """Load the page's rows at once, then everything that their columns need."""
        self.last_event = CaseEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
        everything, _ = self.model_admin.get_search_results(request, self.root_queryset, self.query)
        self.counts = count(everything, self.chosen)
        if not self.get_filters_params():
            self.queryset.counted = self._chosen_count()
        super().get_results(request)
        self.result_list = _with_columns(list(self.result_list), request.user)

    def _chosen_count(self) -> int:
        """The cases for which every chosen filter holds, as any of the chosen links says."""
        chosen = (
            (facet.parameter, choice.value) for facet, choice in self.chosen.items() if choice
        )
        return self.counts[next(chosen)]

    @property
    def without_filters(self) -> str:
        """The same state without the other filters and the search."""
        return self.get_query_string({}, ["q", *PARAMETERS[1:]])

    @property
    def is_narrowed(self) -> bool:
        """Whether the list shows less than its state has."""
        narrowing = [choice for facet, choice in self.chosen.items() if facet.parameter != "show"]
        return bool(self.query) or any(narrowing)

    @property
    def menus(self) -> list[Menu]:
        """The filters with their links; one that has no second choice says nothing."""
        return [
            Menu(facet.parameter, facet.title, self._links(facet))
            for facet in self.chosen
            if len(facet.choices) > 1
        ]

    def _links(self, facet: Facet) -> list[Link]:
        links = [self._link(facet, choice) for choice in facet.choices]
        return [it for it in links if it.count or it.is_active or not facet.hides_empty]

    def _link(self, facet: Facet, choice: Choice) -> Link:
        is_active = self.chosen[facet] == choice
        changes = {facet.parameter: None if is_active and not facet.default else choice.value}
        query = self.get_query_string(changes)
        return Link(choice.label, self.counts[facet.parameter, choice.value], is_active, query)


def _with_columns(cases: list[Any], user: Any) -> list[Any]:
    images = CaseImage.objects.only("pk", "case", "state", "refusal")
    prefetch_related_objects(cases, Prefetch("images", queryset=images), "findings")
    findings = [finding for case in cases for finding in case.findings.all()]
    found = as_seen_by(user, findings, shortlists_of(findings))
    shown = Case.objects.filter(is_undelivered(), pk__in=[case.pk for case in cases])
    undelivered = set(shown.values_list("pk", flat=True))
    for case in cases:
        case.is_undelivered = case.pk in undelivered
        case.holder = case.claimant if case.claimant != user else None
        shortlists = [found[finding.pk] for finding in case.findings.all()]
        case.shortlists = [it for it in shortlists if it.candidates or it.is_hidden]
    return cases


def search(cases: QuerySet[Case], text: str) -> QuerySet[Case]:
    """The cases in which each word of `text` stands somewhere; accents and capitals don't matter.

    A number of one or two digits is a tooth or the number of a case: it stands in most ids.
    """
    for word in plain(text).split():
        cases = cases.filter(_has(word))
    return cases


def _has(word: str) -> Q:
    number = word.removeprefix("#")
    is_number = Q(pk=int(number)) if number.isdecimal() and len(number) < 19 else Q()
    if word.startswith("#") and is_number:
        return is_number
    if word.isdecimal() and len(word) <= 2:
        return Q(tooth__contains=word) | is_number
    return Q(search_text__contains=word) | is_number
