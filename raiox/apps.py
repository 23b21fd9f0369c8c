"""Django's view of the wiring: this package as an application, and the admin site it shows."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class RaioxConfig(AppConfig):
    """Holds the commands and checks that belong to no single application."""

    name = "raiox"
    verbose_name = "Raiox AI"

    def ready(self) -> None:
        """Register the system checks."""
        from raiox import checks
        from raiox import installation_checks as _installation  # noqa: F401
        from raiox.backups import checks as _backups  # noqa: F401  # importing registers them
        from raiox.embedded_postgres import checks as _postgres  # noqa: F401

        checks.explain_missing_secret_key()


class RaioxAdminConfig(AdminConfig):
    """Django's admin with Raiox's name on it."""

    default_site = "raiox.admin_site.RaioxAdminSite"

    def ready(self) -> None:
        """Leave out the queue's tables, which nobody translates, and people's secrets."""
        super().ready()
        from django.contrib import admin
        from django_otp.plugins.otp_static.models import StaticDevice
        from django_otp.plugins.otp_totp.models import TOTPDevice
        from procrastinate.contrib.django.models import ProcrastinateJob
        from rest_framework_simplejwt.token_blacklist.models import (
            BlacklistedToken,
            OutstandingToken,
        )

        secrets = (TOTPDevice, StaticDevice, OutstandingToken, BlacklistedToken)
        admin.site.unregister([ProcrastinateJob, *secrets])
