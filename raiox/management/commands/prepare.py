"""`manage.py prepare`: all that must be true before web and worker start, in one process."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from implants.models import Encoder
from raiox.up.demo_users import LOGINS_FILE, ensure_demo_users


class Command(BaseCommand):
    """Run by `up` at each start; what an interrupted run left undone, the next one does."""

    help = (
        "Migrate the database, make the groups, and see that an encoder is active; in local mode "
        "also the demo users and the demo catalogue. Example: manage.py prepare"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the steps; the first that fails ends the command."""
        call_command("migrate", verbosity=0, interactive=False)
        call_command("ensure_groups", verbosity=0)
        if settings.IS_DEVELOPMENT:
            call_command("activate_encoder", "--bundled", "--if-none")
        else:
            _check_encoder()
            call_command("check_environment", "--claim", verbosity=0)
            call_command("collectstatic", verbosity=0, interactive=False)
        if settings.RAIOX_ENV == "local":
            ensure_demo_users(settings.VAR_DIR / LOGINS_FILE)
            call_command("seed_demo")


def _check_encoder() -> None:
    """On a server the encoder is somebody's choice."""
    if not Encoder.objects.filter(is_active=True).exists():
        raise CommandError(
            "No encoder is active. Choose one: manage.py activate_encoder --bundled, or a name."
        )
