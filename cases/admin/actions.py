"""What the buttons of a case's page do: each is one POST and one call of a service."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from cases import answers, claims, delivery, disagreement, impressions, review, worksheet
from cases.admin import preview
from cases.admin.autosave import autosave, wants_json
from cases.admin.catalogue import catalogue
from cases.admin.page import build_desk
from cases.admin.undo import remember_decision
from cases.forms import Desk, PostponementForm, RejectionForm, answer_form
from cases.models import Case
from cases.waiting import next_waiting
from cases.worksheet import last_event_id

PERMISSION = "cases.decide_case"
Show = Callable[[HttpRequest, Case, Desk, int], HttpResponse]
View = Callable[..., HttpResponse]


class CaseActions:
    """The POST views of the admin of cases.

    `show` renders the page of a case with the forms in a desk and a status; `wrap` is the admin's
    own guard of views.
    """

    def __init__(self, show: Show, wrap: Callable[[View], View]) -> None:
        self._show, self._wrap = show, wrap

    def urls(self) -> list[URLPattern]:
        """`<case>/<action>/`, named `cases_case_<action>`."""
        return [
            path("catalogue/", self._wrap(catalogue), name="cases_case_catalogue"),
            self._route("preview", self.preview),
            self._route("save", self.save),
            self._route("approve", self.approve),
            self._route("reject", self.reject),
            self._route("reopen", self.reopen),
            self._route("keep", self.keep),
            self._route("take-over", self.take_over),
            self._route("postpone", self.postpone),
            self._route("analyze", self.analyze),
            self._route("add-finding", self.add_finding),
            self._route("remove-finding/<int:finding_id>", self.remove_finding),
            self._route("send-again", self.send_again),
            self._route("leave-altered", self.leave_altered),
        ]

    def preview(self, request: HttpRequest, case: Case) -> HttpResponse:
        """The answer to what is filled in: a fragment of the page. Writes nothing."""
        if request.GET.get("decision") == "reject":
            prefix, form = "rejection-answer", RejectionForm(request.POST, prefix="rejection")
            shown = preview.rejection(case, form, answer_form(request.POST, prefix))
        else:
            desk = build_desk(case, _actor(request), request.POST)
            prefix, shown = "answer", preview.approval(case, desk)
        context = {"case": case, "shown": shown, "prefix": prefix, **preview.outcome(case)}
        return TemplateResponse(request, "admin/cases/case/answer_text.html", context)

    def save(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Keep what was filled in."""
        if wants_json(request):
            user = _actor(request)
            return autosave(case, user, build_desk(case, user, request.POST))

        def act(desk: Desk) -> HttpResponse:
            worksheet.save(case, _actor(request), desk.sheet())
            messages.success(request, _("Saved. Nothing has been sent yet."))
            return _to(case)

        return self._with_desk(request, case, act)

    def approve(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Keep what was filled in, approve it, and go on to the next case."""

        def act(desk: Desk) -> HttpResponse:
            if any(form.shortlist.is_hidden for form in desk.finding_forms):
                raise review.InvalidDecision(impressions.missing_text())
            worksheet.approve(case, _actor(request), desk.sheet())
            return _go_on(request, case)

        return self._with_desk(request, case, act)

    def reject(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Reject with a reason, and go on to the next case."""
        form = RejectionForm(request.POST, prefix="rejection")
        answer = answer_form(request.POST, "rejection-answer")
        if not form.is_valid() or (answer and not answer.is_valid()):
            desk = build_desk(case, _actor(request), request.POST)
            desk.rejection = form
            return self._show(request, case, desk, 400)

        def act() -> HttpResponse:
            wording = answer.wording() if answer else None
            review.reject(case, _actor(request), **form.cleaned_data, wording=wording)
            return _go_on(request, case)

        return self._try(request, case, act)

    def reopen(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Take a decision back. A sheet that came second is shown again, ready to be saved."""

        def act() -> HttpResponse:
            review.reopen(case, _actor(request))
            messages.success(request, _reopened_text(case))
            if "last_seen" not in request.POST:
                return _to(case)
            return self._show_again(request, case, 200)

        return self._try(request, case, act)

    def keep(self, request: HttpRequest, case: Case) -> HttpResponse:
        """The dentist's edit changes nothing; go on to the next case."""

        def act() -> HttpResponse:
            review.keep_decision(case, _actor(request))
            messages.success(request, _("The decision on case %(case)s stays.") % {"case": case})
            return _to_next(request, case)

        return self._try(request, case, act)

    def take_over(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Take the case from the colleague who has it open; what was filled in stays."""

        def act() -> HttpResponse:
            holder = request.POST.get("holder", "")
            if not claims.take_over(case, _actor(request), holder_id=_number(holder)):
                raise review.refusal(case.pk, _actor(request))
            messages.success(request, _("The case is yours now."))
            if "last_seen" not in request.POST:
                return _to(case)
            return self._show_again(request, case, 200)

        return self._try(request, case, act)

    def postpone(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Keep what was filled in, put the case off, and go on to the next one."""
        form = PostponementForm(request.POST, prefix="postponement")

        def act(desk: Desk) -> HttpResponse:
            if not form.is_valid():
                raise review.InvalidDecision(_("Choose until when the case is put off."))
            worksheet.postpone(case, _actor(request), desk.sheet(), form.until())
            messages.success(request, _("Case %(case)s was put off.") % {"case": case})
            return _to_next(request, case)

        return self._with_desk(request, case, act)

    def analyze(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Keep what was filled in and compare the radiographs with the catalogue again."""

        def act(desk: Desk) -> HttpResponse:
            worksheet.request_analysis(case, _actor(request), desk.sheet())
            return _to(case)

        return self._with_desk(request, case, act)

    def add_finding(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Keep what was filled in and add a second implant."""

        def act(desk: Desk) -> HttpResponse:
            finding = worksheet.add_finding(case, _actor(request), desk.sheet())
            return _to(case, f"#finding-{finding.pk}")

        return self._with_desk(request, case, act)

    def remove_finding(self, request: HttpRequest, case: Case, finding_id: int) -> HttpResponse:
        """Keep the rest of what was filled in and take one implant off the case."""

        def act(desk: Desk) -> HttpResponse:
            worksheet.remove_finding(case, _actor(request), desk.sheet(), finding_id)
            return _to(case)

        return self._with_desk(request, case, act, without=finding_id)

    def send_again(self, request: HttpRequest, case: Case) -> HttpResponse:
        """Queue the answer once more after a failure."""
        try:
            if delivery.send_again(case, _actor(request)):
                messages.success(request, _("The answer is queued and goes out at once."))
        except answers.Outdated:
            messages.error(
                request,
                _(
                    "The answer no longer fits the case, so it was not sent. Open the case again "
                    "and look at the answer anew."
                ),
            )
        return _to(case)

    def leave_altered(self, request: HttpRequest, case: Case) -> HttpResponse:
        """What stands in Jotform instead of the answer is right; go on to the next case."""
        if not disagreement.leave_altered(case, _actor(request)):
            return _to(case)
        messages.success(request, _("What stands in Jotform stays there."))
        return _to_next(request, case)

    def _route(self, route: str, action: View) -> URLPattern:
        """POST only, by somebody who may decide; a reloaded address leads back to the case."""

        def view(request: HttpRequest, object_id: int, **more: Any) -> HttpResponse:
            if not request.user.has_perm(PERMISSION):
                raise PermissionDenied
            case = get_object_or_404(Case.objects.select_related("form"), pk=object_id)
            if request.method != "POST":
                return _to(case)
            return action(request, case, **more)

        name = route.partition("/")[0]
        return path(f"<int:object_id>/{route}/", self._wrap(view), name=f"cases_case_{name}")

    def _with_desk(
        self,
        request: HttpRequest,
        case: Case,
        act: Callable[[Desk], HttpResponse],
        *,
        without: int | None = None,
    ) -> HttpResponse:
        """Act on what was filled in, if it is complete; otherwise show it with what is wrong."""
        desk = build_desk(case, _actor(request), request.POST)
        if desk.is_valid(without=without):
            return self._try(request, case, lambda: act(desk))
        messages.error(request, _("Something is missing; it is marked below. Nothing is lost."))
        return self._show(request, case, desk, 400)

    def _try(
        self, request: HttpRequest, case: Case, act: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """Act; if the service refuses, say why and show again what was filled in."""
        try:
            return act()
        except review.ReviewError as error:
            messages.error(request, str(error))
            status = 409 if isinstance(error, review.Conflict) else 400
            return self._show_again(request, case, status)

    def _show_again(self, request: HttpRequest, case: Case, status: int) -> HttpResponse:
        """The case as it is now with the forms as they were sent: now their sender has seen it."""
        case.refresh_from_db()
        sent = request.POST.copy()
        sent["last_seen"] = str(last_event_id(case))
        return self._show(request, case, build_desk(case, _actor(request), sent), status)


def _actor(request: HttpRequest) -> User:
    """The admin's guard has let nobody else through."""
    return cast(User, request.user)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _to(case: Case, anchor: str = "") -> HttpResponse:
    return redirect(reverse("admin:cases_case_change", args=[case.pk]) + anchor)


def _to_next(request: HttpRequest, case: Case) -> HttpResponse:
    following = next_waiting(case, _actor(request))
    return _to(following) if following else redirect("admin:cases_case_changelist")


def _go_on(request: HttpRequest, case: Case) -> HttpResponse:
    remember_decision(request, case)
    return _to_next(request, case)


def _reopened_text(case: Case) -> str:
    if delivery.may_have_been_read(case):
        return _(
            "The case is open again. The dentist may have read the earlier answer: the next one "
            "goes out as a correction."
        )
    return _("The case is open again. Nothing had been sent.")
