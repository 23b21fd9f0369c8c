"""`manage.py machine_account`: an account with which a program uses the API."""

import secrets
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from raiox.groups import GROUPS, ensure_groups

_HELP = """\
Make an account for a program, or give one a new password, which is printed once and kept nowhere.

It can't log in to the admin. The program sends name and password to POST /auth/token. A new
password ends the tokens that the old one gave.

Examples:
  manage.py machine_account clinic-sync --group Leitores
  manage.py machine_account clinic-sync --revoke
"""
# So that a person's account is never taken for a machine's.
PREFIX = "machine:"


class Command(BaseCommand):
    """One account for each program, so that one can be revoked without the others."""

    help = _HELP

    def create_parser(self, *args: Any, **options: Any) -> Any:
        """Keep the lines of the examples."""
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The name, and what the account may do."""
        parser.add_argument("name", help="of the program; the account is called machine:NAME")
        parser.add_argument(
            "--group", action="append", choices=sorted(GROUPS), help="what it may do; repeatable"
        )
        parser.add_argument("--revoke", action="store_true", help="end the account's access")

    @transaction.atomic
    def handle(self, *args: Any, name: str, **options: Any) -> None:
        """Make, renew or revoke."""
        username = PREFIX + name
        if options["revoke"]:
            if not User.objects.filter(username=username).update(is_active=False):
                raise CommandError(f"There is no account {username}.")
            self.stdout.write(f"{username} is revoked: its tokens are good for nothing any more.")
            return
        ensure_groups()
        user, is_new = User.objects.get_or_create(username=username)
        if is_new and not options["group"]:
            raise CommandError("Say what the account may do: --group " + " | ".join(sorted(GROUPS)))
        password = secrets.token_urlsafe(32)
        user.set_password(password)
        user.is_active, user.is_staff, user.is_superuser = True, False, False
        user.save()
        if options["group"]:
            user.groups.set(Group.objects.filter(name__in=options["group"]))
        self.stdout.write(f"username: {username}\npassword: {password}")
