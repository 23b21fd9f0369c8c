"""What can be done with many cases at once: asked on a page that says what will happen, done by one
call of a service per case, and told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy

from cases import delivery, review
from cases.models import Case

AT_ONCE: Final = 100
"""Cases in one go: each is a transaction of its own, and a person waits for all of them."""
_TOLD: Final = 5
_UNSEEN: Final = (Case.State.RECEIVED, Case.State.ANALYZING)


@dataclass(frozen=True)
class Bulk:
    """An action on many cases, in words and as the call of a service.

    `why_not` says why a case is left out; empty when it is not.
    """

    name: str
    title: Promise
    question: Any
    done: Any
    consequence: Promise
    why_not: Callable[[Case, User], str | Promise]
    act: Callable[[Case, User], Any]


@dataclass(frozen=True)
class LeftOut:
    """Cases that stay as they are, and why."""

    reason: str
    cases: list[Case]


def _why_not_analyze(case: Case, user: User) -> str | Promise:
    if case.state in _UNSEEN:
        return _("being analysed already")
    if case.is_decided:
        return _("decided: reopen it first")
    is_taken = case.claimant not in (None, user)
    return _("a colleague has it open") if is_taken else ""


def _why_not_reopen(case: Case, user: User) -> str | Promise:
    return "" if case.is_decided else _("not decided")


ANALYZE: Final = Bulk(
    name="analyze_again",
    title=_("Analyse again"),
    question=ngettext_lazy(
        "Analyse %(count)d case again?", "Analyse %(count)d cases again?", "count"
    ),
    done=ngettext_lazy(
        "%(count)d case is being analysed again.",
        "%(count)d cases are being analysed again.",
        "count",
    ),
    consequence=_(
        "The radiographs are compared with the catalogue of today; files whose download failed are "
        "tried once more. The cases stay in the queue, and earlier searches stay in their history."
    ),
    why_not=_why_not_analyze,
    act=review.request_analysis,
)
REOPEN: Final = Bulk(
    name="reopen",
    title=_("Reopen"),
    question=ngettext_lazy("Reopen %(count)d case?", "Reopen %(count)d cases?", "count"),
    done=ngettext_lazy("%(count)d case is open again.", "%(count)d cases are open again.", "count"),
    consequence=_(
        "The decisions are taken back and the cases return to the queue. Answers that have not "
        "gone out yet are not sent."
    ),
    why_not=_why_not_reopen,
    act=review.reopen,
)


class BulkActions:
    """The actions of the queue; Django's admin shows those that the person may do."""

    @admin.action(description=_("Analyse again"), permissions=["decide"])
    def analyze_again(self, request: HttpRequest, cases: QuerySet[Case]) -> HttpResponse:
        """Compare the films of many cases with the catalogue again."""
        return _ask_or_do(ANALYZE, request, cases)

    @admin.action(description=_("Reopen"), permissions=["decide"])
    def reopen(self, request: HttpRequest, cases: QuerySet[Case]) -> HttpResponse:
        """Take back many decisions."""
        return _ask_or_do(REOPEN, request, cases)


def _ask_or_do(bulk: Bulk, request: HttpRequest, cases: QuerySet[Case]) -> HttpResponse:
    if "confirmed" not in request.POST:
        return _ask(bulk, request, cases)
    # Those of the page that was confirmed, wherever they have gone meanwhile.
    chosen = Case.objects.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
    _do(bulk, request, chosen.order_by("created_at", "pk")[:AT_ONCE])
    return redirect(request.get_full_path())


def _ask(bulk: Bulk, request: HttpRequest, cases: QuerySet[Case]) -> HttpResponse:
    user = cast(User, request.user)
    found = list(cases.select_related("claimed_by").order_by("created_at", "pk"))
    fitting = [case for case in found if not bulk.why_not(case, user)]
    context = {
        **admin.site.each_context(request),
        "title": bulk.question % {"count": len(fitting[:AT_ONCE])} if fitting else bulk.title,
        "opts": Case._meta,
        "bulk": bulk,
        "cases": fitting[:AT_ONCE],
        "later": len(fitting[AT_ONCE:]),
        "at_once": AT_ONCE,
        "left_out": _left_out(bulk, found, user),
        "read": _read(bulk, fitting[:AT_ONCE]),
        "back": request.get_full_path(),
        "is_nav_sidebar_enabled": False,
    }
    return TemplateResponse(request, "admin/cases/case/bulk.html", context)


def _left_out(bulk: Bulk, cases: Iterable[Case], user: User) -> list[LeftOut]:
    by_reason: dict[str, list[Case]] = {}
    for case in cases:
        if reason := bulk.why_not(case, user):
            by_reason.setdefault(str(reason), []).append(case)
    return [LeftOut(reason, left) for reason, left in by_reason.items()]


def _read(bulk: Bulk, cases: list[Case]) -> int:
    """How many of the answers to be taken back the dentist may have read."""
    return len(delivery.may_have_been_read_among(cases)) if bulk is REOPEN else 0


def _do(bulk: Bulk, request: HttpRequest, cases: Iterable[Case]) -> None:
    """Each case by itself: one that can't be done does not stop the others."""
    done, problems = 0, []
    for case in cases:
        try:
            bulk.act(case, cast(User, request.user))
            done += 1
        except review.ReviewError as error:
            problems.append(f"{case}: {error}")
    if done:
        messages.success(request, bulk.done % {"count": done})
    _tell(request, problems)


def _tell(request: HttpRequest, problems: list[str]) -> None:
    for problem in problems[:_TOLD]:
        messages.warning(request, problem)
    if more := len(problems[_TOLD:]):
        text = ngettext(
            "%(count)d more case was left as it is.", "%(count)d more cases were left as they are.",
            more,
        )  # fmt: skip
        messages.warning(request, text % {"count": more})
