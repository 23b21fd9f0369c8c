"""`manage.py sweep_jotform`: what webhooks missed."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from cases.sweep import Found, check_configured, sweep
from implants.management.base import ExampleCommand
from webhooks.errors import JotformError, QuotaExceeded
from webhooks.models import JotformForm


class Command(ExampleCommand):
    """What the worker does every quarter of an hour, at once, or for a longer time."""

    help = (
        "Ask Jotform for submissions whose webhook never came, and compare the answers that were "
        "sent with what stands there. Brings in what is missing; what disagrees is shown to the "
        "reviewers, never overwritten."
    )
    examples = """examples:
  manage.py sweep_jotform
  manage.py sweep_jotform --since 2026-01-31 --form 240000000000001 --dry-run
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """How far back, which form, and whether to change anything."""
        parser.add_argument(
            "--since", metavar="TIME", help="a day or a moment (ISO 8601); default: the last sweep"
        )
        parser.add_argument("--form", metavar="FORM_ID", help="one form instead of all")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *_: Any, **options: Any) -> None:
        """Sweep form by form; the first failure ends it."""
        since = _moment(options["since"]) if options["since"] else None
        forms = JotformForm.objects.all()
        if options["form"]:
            forms = forms.filter(form_id=options["form"])
        if not forms:
            raise CommandError("No such form is connected: see connect_jotform.")
        try:
            check_configured()
            for form in forms:
                found = sweep(form, since=since, dry_run=options["dry_run"])
                self.stdout.write(f"{form.form_id}: {_told(found, dry_run=options['dry_run'])}")
        except QuotaExceeded as error:
            until = timezone.localtime(error.retry_at).strftime("%Y-%m-%d %H:%M %Z")
            raise CommandError(f"Jotform's limit is used up until {until}.") from error
        except JotformError as error:
            raise CommandError(str(error)) from error


def _told(found: Found, *, dry_run: bool) -> str:
    text = (
        f"{found.seen} submissions seen, {found.missing} without a case, "
        f"{found.edited} edits unknown here, {found.altered} answers changed in Jotform, "
        f"{found.gone} deleted in Jotform"
    )
    return f"{text} (nothing was changed)" if dry_run else text


def _moment(text: str) -> datetime:
    """An aware moment; a day begins at midnight, in the service's time zone."""
    try:
        day: date | None = parse_date(text)
        moment = datetime.combine(day, time.min) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"Not a day or a moment: {text}")
    moment = moment if moment.tzinfo else timezone.make_aware(moment)
    if moment > timezone.now():
        raise CommandError("--since lies in the future.")
    return moment.astimezone(UTC)
