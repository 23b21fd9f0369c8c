"""Everything that knows Jotform, as a Django application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebhooksConfig(AppConfig):
    """Forms, inbound events and the API client."""

    name = "webhooks"
    verbose_name = _("Jotform")
