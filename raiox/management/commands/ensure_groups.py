"""`manage.py ensure_groups`: the groups Revisores, Curadores and Leitores."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from raiox.groups import GROUPS, ensure_groups


class Command(BaseCommand):
    """May be run again at any time."""

    help = (
        "Make the groups Revisores, Curadores and Leitores with exactly their permissions. "
        "Example: manage.py ensure_groups"
    )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Make them."""
        ensure_groups()
        if options["verbosity"]:
            self.stdout.write(", ".join(GROUPS))
