"""The page that merges two implants: it shows exactly what will happen, then does just that."""

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases.merging import MergeError, merge, plan
from implants.models import Implant, ReferenceImage
from raiox.common.choosing import RowSelect
from raiox.common.staff import staff_required


def _implant_field(label: object) -> forms.ModelChoiceField:
    return forms.ModelChoiceField(
        Implant.objects.select_related("manufacturer"),
        label=label,  # type: ignore[arg-type]  # lazy
        widget=RowSelect(
            ReferenceImage._meta.get_field("implant"),
            admin.site,
            attrs={"data-width": "100%"},
        ),
    )


class _PairForm(forms.Form):
    stays = _implant_field(gettext_lazy("Stays"))
    goes = _implant_field(gettext_lazy("Is merged into it and disappears"))


@staff_required("implants.change_implant")
@staff_required("implants.delete_implant")
@staff_required("implants.change_referenceimage")
@staff_required("implants.delete_referenceimage")
def merge_implants(request: HttpRequest) -> HttpResponse:
    """Choose two (`stays`, `goes`), see the plan, confirm it by its mark."""
    form = _PairForm(request.POST if request.method == "POST" else request.GET or None)
    if not form.is_valid():
        return _page(request, form=_PairForm(initial=request.GET.dict()))
    survivor, merged = form.cleaned_data["stays"], form.cleaned_data["goes"]
    try:
        if request.method == "POST":
            merge(survivor.pk, merged.pk, request.POST.get("mark", ""), request.user)
            text = _("%(merged)s is now part of %(survivor)s.")
            messages.success(request, text % {"merged": merged, "survivor": survivor})
            return redirect("admin:implants_implant_change", survivor.pk)
        return _page(request, form=form, plan=plan(survivor, merged))
    except MergeError as error:
        messages.error(request, str(error))
    return _page(request, form=form, plan=None if survivor == merged else plan(survivor, merged))


def _page(request: HttpRequest, form: forms.Form, **context: object) -> HttpResponse:
    return TemplateResponse(
        request,
        "admin/merge_implants.html",
        {
            **admin.site.each_context(request),
            "title": _("Merge two implants"),
            "form": form,
            "media": form.media,
            **context,
        },
    )
