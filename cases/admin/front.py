"""The admin's front page: each person sees what she may see of how things stand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, Max, Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from procrastinate.contrib.django.models import ProcrastinateWorker

from cases import claims, pausing
from cases.agreement import Reviewed, reviewed
from cases.charts import counts_chart, times_chart
from cases.days import last_days
from cases.models import Case, Delivery
from cases.waiting import is_undelivered, waiting_cases
from implants.models import Implant, ReferenceImage
from raiox.common.staff import staff_required
from webhooks.models import InboundEvent, JotformForm

_FIRST_ROWS: Final = 5
_AGREEMENT_DAYS: Final = 30


@dataclass(frozen=True)
class FormState:
    """A form, how many answers it holds back, and who paused or released it last."""

    form: JotformForm
    held: int
    who: str
    when: datetime | None


def front_context(request: HttpRequest) -> dict[str, Any]:
    """What the front page shows to this person, in a fixed number of queries."""
    user = cast(User, request.user)
    sees_cases, sees_catalogue = (
        user.has_perm("cases.view_case"),
        user.has_perm("implants.view_referenceimage"),
    )
    return {
        **(_cases() if sees_cases else {}),
        **(_catalogue() if sees_catalogue else {}),
        "may_decide": user.has_perm("cases.decide_case"),
        "is_calm": sees_cases and not user.is_superuser,
    }


def _cases() -> dict[str, Any]:
    waiting = waiting_cases()
    days = last_days()
    return {
        "waiting_count": waiting.count(),
        "first_cases": list(waiting[:_FIRST_ROWS]),
        "failed_events": InboundEvent.objects.filter(state=InboundEvent.State.FAILED).count(),
        "undelivered": Case.objects.filter(is_undelivered()).count(),
        "forms": _forms(),
        "agreement": _agreement(),
        "agreement_days": _AGREEMENT_DAYS,
        "days": days,
        "today": days[-1],
        "counts_chart": counts_chart(days),
        "times_chart": times_chart(days),
        "workers": _workers(),
    }


def _forms() -> list[FormState]:
    held = dict(
        Delivery.objects.filter(state=Delivery.State.WAITING, reason=Delivery.Reason.PAUSED)
        .values_list("case__form")
        .annotate(many=Count("pk"))
    )
    forms = list(JotformForm.objects.all())
    changes = pausing.last_changes(forms)
    return [_form_state(form, held.get(form.pk, 0), changes.get(form.pk)) for form in forms]


def _form_state(form: JotformForm, held: int, change: tuple[User, datetime] | None) -> FormState:
    who, when = (claims.name_of(change[0]), change[1]) if change else ("", None)
    return FormState(form, held, who, when)


def _agreement() -> dict[str, int]:
    """Of the findings decided lately: all, and those for which the first suggestion was chosen."""
    found: list[Reviewed] = reviewed(timezone.now() - timedelta(days=_AGREEMENT_DAYS))
    return {"decided": len(found), "first": sum(it.chosen_rank == 1 for it in found)}


def _catalogue() -> dict[str, Any]:
    with_vector = Count("pk", filter=Q(vectors__encoder__is_active=True), distinct=True)
    references = ReferenceImage.objects.aggregate(all=Count("pk", distinct=True), seen=with_vector)
    return {
        "catalogue": {
            "implants": Implant.objects.count(),
            "references": references["all"],
            "without_vector": references["all"] - references["seen"],
        }
    }


def _workers() -> dict[str, Any]:
    """Those that gave a sign of life lately, and when the last one did."""
    alive = Q(
        last_heartbeat__gte=timezone.now() - timedelta(seconds=settings.WORKER_STALLED_SECONDS)
    )
    return ProcrastinateWorker.objects.aggregate(
        alive=Count("pk", filter=alive), heard=Max("last_heartbeat")
    )


@require_http_methods(["GET", "POST"])
@staff_required("cases.decide_case")
def deliveries(request: HttpRequest, form_id: int) -> HttpResponseBase:
    """Asks whether a form's answers should be held back, or let go, and does it on POST."""
    form = get_object_or_404(JotformForm, pk=form_id)
    if request.method == "POST":
        _set_paused(request, form, paused=request.POST.get("paused") == "yes")
        return redirect("admin:index")
    held = Delivery.objects.filter(
        state=Delivery.State.WAITING, reason=Delivery.Reason.PAUSED, case__form=form
    )
    context = {
        **admin.site.each_context(request),
        "title": _("Release the answers?") if form.deliveries_paused else _("Pause the answers?"),
        "form": form,
        "held": held.count(),
        "is_nav_sidebar_enabled": False,
    }
    return TemplateResponse(request, "admin/deliveries.html", context)


def _set_paused(request: HttpRequest, form: JotformForm, *, paused: bool) -> None:
    if not pausing.set_paused(form, cast(User, request.user), paused=paused):
        messages.info(request, _("That was so already; nothing was changed."))
    elif paused:
        messages.success(request, _("The answers of “%(form)s” wait from now on.") % {"form": form})
    else:
        messages.success(request, _("The answers of “%(form)s” go out again.") % {"form": form})
