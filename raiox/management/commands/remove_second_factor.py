"""`manage.py remove_second_factor`: for somebody who lost telephone and recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from raiox.login import second_factor


class Command(BaseCommand):
    """Be sure who asks: afterwards the password alone opens the account."""

    help = (
        "Take the second factor away from one account, whose owner lost the telephone and the "
        "recovery codes. Example: manage.py remove_second_factor ana"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        """Remove it, or say that there is none."""
        user = User.objects.filter(username=username).first()
        if user is None or not second_factor.remove(user):
            raise CommandError(f"{username} has no second factor.")
        self.stdout.write(f"{username} logs in with the password alone again.")
