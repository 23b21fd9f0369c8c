"""The admin site: Django's own, with our name and what every page must say."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class RaioxAdminSite(admin.AdminSite):
    """Names the service and tells every page which encoder answers and whether data are demo."""

    site_header = _("Raiox AI")
    site_title = _("Raiox AI")
    index_title = _("Overview")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the active encoder's name and the demo flag to what each page can show."""
        from implants.models import Encoder, Implant

        context = super().each_context(request)
        if request.user.is_authenticated:
            context["active_encoder"] = Encoder.objects.filter(is_active=True).first()
            context["has_demo_data"] = Implant.objects.filter(is_demo=True).exists()
        return context
