"""The queue's filters and how many cases each choice has, all counted in one query.

A choice is a value of a flag; a flag is an expression on a case. Filtering and counting use the
same flags, so a count is always the number of cases that its choice shows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from cases.ages import Age, age_in_sql
from cases.models import Case, CaseImage
from cases.waiting import is_postponed, is_undelivered, is_waiting
from implants.doubt import Confidence
from webhooks.models import JotformForm

WAITING: Final = "waiting"
ALL: Final = "all"
PARAMETERS: Final = ("show", "confidence", "age", "problem", "form")
_COLUMNS: Final = ("state", "confidence", "form", "problem", "changed_after_decision")
Group = Mapping[str, Any]
Counts = Counter[tuple[str, str]]
"""Of cases, by the filter's parameter and the choice's value."""


@dataclass(frozen=True)
class Choice:
    """A link of a filter: the cases whose `flag` has one of these values; without values all."""

    value: str
    label: str | Promise
    flag: str = ""
    values: tuple[Any, ...] = ()

    def holds(self, group: Group) -> bool:
        """Whether cases with these flags are shown."""
        return not self.values or group[self.flag] in self.values

    def condition(self) -> Q:
        """The same for the database, on cases that `with_flags`."""
        return Q(**{f"{self.flag}__in": self.values}) if self.values else Q()


@dataclass(frozen=True)
class Facet:
    """A filter; `default` is the choice when the address names none.

    One with many rare choices `hides_empty` ones.
    """

    parameter: str
    title: str | Promise
    choices: tuple[Choice, ...]
    default: str = ""
    hides_empty: bool = False

    def chosen(self, value: str | None) -> Choice | None:
        """The choice of that value; an unknown value is the default."""
        by_value = {choice.value: choice for choice in self.choices}
        return by_value.get(value or "") or by_value.get(self.default)


def facets(*, is_search: bool, is_blind: bool) -> list[Facet]:
    """The filters of the queue. Without a choice it shows what waits, but a search everything.

    A list of the cases of one word would tell the word to who `is_blind`: who looks first.
    """
    forms = JotformForm.objects.all()
    return [
        Facet("show", _("state"), _STATES, ALL if is_search else WAITING),
        *([] if is_blind else [Facet("confidence", _("confidence"), _CONFIDENCES)]),
        Facet("age", _("age"), _AGES),
        Facet("problem", _("problem"), _PROBLEMS, hides_empty=True),
        Facet("form", _("form"), tuple(map(_form, forms)), hides_empty=True),
    ]


def _form(form: JotformForm) -> Choice:
    return Choice(str(form.pk), str(form), "form", (form.pk,))


_STATES: Final = (
    Choice(WAITING, pgettext_lazy("cases", "waiting"), "is_waiting", (True,)),
    Choice("postponed", pgettext_lazy("cases", "put off"), "is_postponed", (True,)),
    Choice(
        "coming",
        pgettext_lazy("cases", "being analysed"),
        "state",
        (Case.State.RECEIVED, Case.State.ANALYZING),
    ),
    Choice("approved", pgettext_lazy("cases", "approved"), "state", (Case.State.APPROVED,)),
    Choice("rejected", pgettext_lazy("cases", "rejected"), "state", (Case.State.REJECTED,)),
    Choice(ALL, pgettext_lazy("cases", "all")),
)
_CONFIDENCES: Final = (
    *(Choice(word, word.label, "confidence", (word,)) for word in Confidence),
    Choice(Case.UNCALIBRATED, _("not calibrated"), "confidence", (Case.UNCALIBRATED,)),
    Choice("none", _("no suggestion"), "confidence", ("",)),
)
_AGES: Final = tuple(Choice(str(int(age)), age.label, "age", (int(age),)) for age in Age)
_PROBLEMS: Final = (
    Choice("refused", _("refused image"), "is_refused", (True,)),
    Choice("changed", _("changed after the decision"), "changed_after_decision", (True,)),
    Choice("undelivered", _("answer not delivered"), "is_undelivered", (True,)),
    *(Choice(problem, problem.label, "problem", (problem,)) for problem in Case.Problem),
)


def with_flags(cases: QuerySet[Case]) -> QuerySet[Case]:
    """`cases` with everything that a choice can ask for; no column is read for it."""
    return cases.alias(**_flags())


def _flags() -> dict[str, Any]:
    refused = CaseImage.objects.filter(case=OuterRef("pk"), state=CaseImage.State.REFUSED)
    return {
        "is_waiting": _flag(is_waiting()),
        "is_postponed": _flag(is_postponed()),
        "is_undelivered": _flag(is_undelivered()),
        "is_refused": Exists(refused),
        "age": age_in_sql("created_at", timezone.now()),
    }


def _flag(condition: Q) -> ExpressionWrapper:
    return ExpressionWrapper(condition, output_field=BooleanField())


def count(cases: QuerySet[Case], chosen: Mapping[Facet, Choice | None]) -> Counts:
    """How many of `cases` each choice would show, the choices of the other filters holding.

    One query: the cases grouped by their flags, a few hundred groups at most.
    """
    flags = _flags()
    groups = cases.order_by().annotate(**flags).values(*_COLUMNS, *flags)
    return tally(list(groups.annotate(many=Count("pk"))), chosen)


def tally(groups: Sequence[Group], chosen: Mapping[Facet, Choice | None]) -> Counts:
    """Count the groups' cases for each choice."""
    counts: Counts = Counter()
    for facet in chosen:
        others = [choice for other, choice in chosen.items() if choice and other is not facet]
        for group in _those(groups, others):
            for choice in facet.choices:
                if choice.holds(group):
                    counts[facet.parameter, choice.value] += group["many"]
    return counts


def _those(groups: Iterable[Group], choices: Sequence[Choice]) -> Iterable[Group]:
    return (group for group in groups if all(choice.holds(group) for choice in choices))
