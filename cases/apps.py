"""The story of each case, as a Django application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CasesConfig(AppConfig):
    """Cases from intake to the delivered answer."""

    name = "cases"
    verbose_name = _("Cases")

    def ready(self) -> None:
        """Register the system checks."""
        from cases.notices import checks  # noqa: F401  # importing registers them
