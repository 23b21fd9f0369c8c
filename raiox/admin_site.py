"""The admin site: Django's own, with our name and what every page must say."""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from raiox.login.lockout import LogInForm


class _Autocomplete(AutocompleteJsonView):
    """Marks what is demo in the lists one chooses from, too."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        """`id` and `text`, as Django's widget wants them."""
        result: dict[str, str] = super().serialize_result(obj, to_field_name)
        if getattr(obj, "is_demo", False):
            result["text"] += " " + gettext("(demo)")
        return result


class RaioxAdminSite(admin.AdminSite):
    """Names the service and tells every page which encoder answers and whether data are demo."""

    site_header = _("Raiox AI")
    site_title = _("Raiox AI")
    index_title = _("Overview")
    site_url = None
    login_form = LogInForm

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the active encoder's name and the demo flag to what each page can show."""
        from implants.models import Encoder, Implant, ReferenceImage

        context = super().each_context(request)
        context["version"] = settings.RAIOX_VERSION
        if request.user.is_authenticated:
            context["active_encoder"] = Encoder.objects.filter(is_active=True).first()
            context["has_demo_data"] = (
                Implant.objects.filter(is_demo=True).exists()
                or ReferenceImage.objects.filter(is_demo=True).exists()
            )
        return context

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The front page: how things stand, for whoever may see it."""
        from cases.admin.front import front_context

        return super().index(request, {**front_context(request), **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        """Our own pages beside Django's."""
        from cases.admin.front import deliveries
        from cases.admin.merging import merge_implants
        from cases.admin.preferences import preferences
        from cases.admin.quality import quality
        from raiox.admin_help import help_page
        from raiox.login.views import code_page, second_factor_page

        return [
            path("quality/", self.admin_view(quality), name="quality"),
            path("deliveries/<int:form_id>/", self.admin_view(deliveries), name="deliveries"),
            path("preferences/", self.admin_view(preferences), name="preferences"),
            path("merge-implants/", self.admin_view(merge_implants), name="merge_implants"),
            path("second-factor/", self.admin_view(second_factor_page), name="second_factor"),
            path("second-factor/code/", self.admin_view(code_page), name="second_factor_code"),
            path("help/", self.admin_view(help_page), name="help"),
            path("help/<slug:page>/", self.admin_view(help_page), name="help"),
            *super().get_urls(),
        ]

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """What the search fields for related objects ask."""
        return cast(HttpResponse, _Autocomplete.as_view(admin_site=self)(request))
