"""The page on which the film of an approved case is taken into the catalogue."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cases.links import film_url
from cases.models import Case
from cases.promotion import (
    Promotion,
    PromotionRefused,
    Subject,
    examine_subject,
    promote,
    subjects,
)
from implants.admin.film_forms import RegionForm, SizesForm, first_error
from implants.admin.upload import refused, verdict

_PERMISSIONS: Final = ("cases.view_case", "implants.add_referenceimage")

View = Callable[..., HttpResponse]


class PromotionForm(SizesForm, RegionForm):
    """What is declared of the film."""

    consent = forms.BooleanField(
        label=gettext_lazy(
            "Dentist and patient have authorised the use of this film, without a name, as a "
            "reference of the catalogue."
        ),
        error_messages={
            "required": gettext_lazy("Without consent the film does not enter the catalogue.")
        },
    )

    def clean_region(self) -> Any:
        """Here it is required: a whole film is hardly ever found."""
        region = self.cleaned_data["region"]
        if region is None:
            raise forms.ValidationError(_("Mark the implant on the film."))
        return region


class PromotionPages:
    """`context` gives what every page of the admin shows; `wrap` is the admin's guard of views."""

    def __init__(
        self, context: Callable[[HttpRequest], dict[str, Any]], wrap: Callable[[View], View]
    ) -> None:
        self._context, self._wrap = context, wrap

    def urls(self) -> list[URLPattern]:
        """`<case>/promote/` and what its script asks."""
        return [
            path("<int:object_id>/promote/", self._wrap(self.page), name="cases_case_promote"),
            path(
                "<int:object_id>/promote/examine/",
                self._wrap(require_POST(self.examine)),
                name="cases_case_promote-examine",
            ),
        ]

    def page(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Choose the film, mark the implant, declare the consent."""
        case = _case(request, object_id)
        all_of_them = subjects(case)
        subject = _chosen(request.GET, all_of_them) if all_of_them else None
        if subject is None:
            messages.warning(request, _("Nothing of this case can enter the catalogue."))
            return redirect("admin:cases_case_change", case.pk)
        form = PromotionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                return _promote(request, subject, form.cleaned_data)
            except PromotionRefused as error:
                form.add_error(None, str(error))
        context = {
            **self._context(request),
            "title": _("Take the film into the catalogue"),
            "case": case,
            "subject": subject,
            "subjects": all_of_them,
            "film_url": film_url(subject.image),
            "form": form,
            "region": form.data.get("region", _as_json(subject.region)),
            "is_nav_sidebar_enabled": False,
        }
        status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
        template = "admin/cases/case/promote_page.html"
        return TemplateResponse(request, template, context, status=status)

    def examine(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What the marked film resembles. Nothing is stored."""
        subject = _chosen(request.GET, subjects(_case(request, object_id)))
        form = RegionForm(request.POST)
        if not form.is_valid():
            return refused(first_error(form), HTTPStatus.BAD_REQUEST)
        try:
            return JsonResponse(verdict(examine_subject(subject, form.cleaned_data["region"])))
        except PromotionRefused as error:
            return refused(str(error), HTTPStatus.UNPROCESSABLE_ENTITY)


def _case(request: HttpRequest, pk: int) -> Case:
    if not request.user.has_perms(_PERMISSIONS):
        raise PermissionDenied
    return get_object_or_404(Case, pk=pk)


def _chosen(asked: Any, all_of_them: list[Subject]) -> Subject:
    """The one that the address names; without a name the first that is not promoted yet."""
    if all_of_them and "finding" not in asked:
        return min(all_of_them, key=lambda one: one.is_promoted)
    for one in all_of_them:
        if [asked.get("finding"), asked.get("image")] == [str(one.finding.pk), str(one.image.pk)]:
            return one
    raise Http404


def _promote(request: HttpRequest, subject: Subject, said: dict[str, Any]) -> HttpResponse:
    promotion = Promotion(said["region"], said["consent"], said["diameter_mm"], said["length_mm"])
    promote(subject, promotion, cast(User, request.user))
    messages.success(
        request,
        _("The film is a reference of %(implant)s now; its vector is being computed.")
        % {"implant": subject.implant},
    )
    return redirect("admin:cases_case_change", subject.case.pk)


def _as_json(region: list[float] | None) -> str:
    return f"[{', '.join(map(repr, region))}]" if region else ""
