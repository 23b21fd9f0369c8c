"""`manage.py connect_jotform FORM_ID`."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from raiox.common.logs import mask
from webhooks.client import client_from_settings
from webhooks.connecting import (
    MEANINGS,
    MappingIncomplete,
    other_services,
    propose_mapping,
    save_form,
    still_true,
    stored_mapping,
    webhook_address,
)
from webhooks.errors import JotformError, QuotaExceeded
from webhooks.resources import JotformQuestion


class Command(BaseCommand):
    """Reads a form's questions, maps them, and registers the webhook."""

    help = (
        "Connect a Jotform form: read its questions, map them, register the webhook. Of a form "
        "that is connected already the mapping stays, whoever made it; only what the form no "
        "longer asks is proposed anew."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Each meaning can be given by hand where the proposal is wrong."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = "example:\n  manage.py connect_jotform 240000000000001 --default --tooth 7"
        parser.add_argument("form_id", metavar="FORM_ID")
        for meaning in MEANINGS:
            parser.add_argument(f"--{meaning}", metavar="QID", help=f"qid of the {meaning}")
        parser.add_argument(
            "--guess", action="store_true", help="propose anew, whatever was kept of a known form"
        )
        parser.add_argument("--title", default="", help="name of the form in the admin")
        parser.add_argument("--default", action="store_true", help="make it the default form")
        parser.add_argument("--no-webhook", action="store_true", help="do not register the webhook")
        parser.add_argument(
            "--beside",
            action="store_true",
            help="another installation may go on getting the form's submissions (never for stage)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show the mapping, change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Show the mapping, then (unless `--dry-run`) keep it and register the webhook."""
        form_id: str = options["form_id"]
        given = {meaning: options[meaning] for meaning in MEANINGS if options[meaning]}
        try:
            client = client_from_settings()
            questions = client.get_questions(form_id)
            self._refuse_form_of_another(client.list_webhooks(form_id), options["beside"])
            stored = stored_mapping(form_id)
            kept = {} if options["guess"] else still_true(stored, questions, given)
            mapping = propose_mapping(questions, kept | given)
            if options["verbosity"]:
                self._show(questions, mapping, stored)
            if options["dry_run"]:
                return
            with transaction.atomic():
                save_form(form_id, options["title"], mapping, is_default=options["default"])
            if not options["no_webhook"]:
                registered = self._registered(client.add_webhook(form_id, webhook_address()))
                if options["verbosity"]:
                    self.stdout.write(registered)
        except QuotaExceeded as error:
            raise CommandError(f"Jotform's limit is used up until {error.retry_at}.") from error
        except (JotformError, MappingIncomplete) as error:
            raise CommandError(str(error)) from error

    def _refuse_form_of_another(self, webhooks: dict[str, str], beside: bool) -> None:
        """A form names whom it feeds; stage must not see patients of production's."""
        others = ", ".join(other_services(webhooks.values()))
        if not others or settings.RAIOX_ENV not in ("stage", "production"):
            return
        if settings.RAIOX_ENV == "stage":
            raise CommandError(f"The form belongs to {others}: give stage a form of its own.")
        if not beside:
            raise CommandError(
                f"The form feeds {others} already; --beside connects it all the same."
            )

    def _show(
        self, questions: list[JotformQuestion], mapping: dict[str, str], stored: dict[str, str]
    ) -> None:
        texts = {question.qid: question.text for question in questions}
        for meaning in MEANINGS:
            qid = mapping[meaning]
            what = f"question {qid}: {texts[qid]}" if qid else "-"
            self.stdout.write(f"{meaning:8} {what}{_compared(qid, stored.get(meaning))}")

    def _registered(self, is_new: bool) -> str:
        state = "registered" if is_new else "was registered already"
        return f"webhook  {mask(webhook_address())} {state}"


def _compared(qid: str, before: str | None) -> str:
    """Whether it is as it was; nothing of a form that is connected for the first time."""
    if before is None:
        return ""
    if qid == before:
        return " (kept)"
    return f" (new; it was question {before})" if before else " (new; it was none)"
