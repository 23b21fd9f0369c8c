"""The catalogue and its search, as a Django application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImplantsConfig(AppConfig):
    """Catalogue of implants, their reference radiographs, encoders and search."""

    name = "implants"
    verbose_name = _("Catalogue")
