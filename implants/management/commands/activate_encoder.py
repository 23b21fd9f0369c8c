"""`manage.py activate_encoder`: which encoder answers."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from implants.activation import Activation, activate, activate_bundled_if_none, find_bundle
from implants.encoders.bundle import BUNDLED, EncoderUnavailable
from implants.management.base import ExampleCommand


class Command(ExampleCommand):
    """Registers a bundle and makes it the active encoder; running processes follow in seconds."""

    help = "Make an encoder the one that answers, after loading it once."
    examples = """examples:
  manage.py activate_encoder --bundled
  manage.py activate_encoder --bundled --if-none
  manage.py activate_encoder clip-vit-b-32-openai
  manage.py activate_encoder /srv/encoders/my-encoder

References that have no vector of the encoder get it from the worker; until then they are not found.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME or --bundled."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "name",
            nargs="?",
            metavar="NAME",
            help="a known encoder, a folder of var/encoders, or a bundle's folder",
        )
        which.add_argument("--bundled", action="store_true", help="the one that comes with Raiox")
        parser.add_argument(
            "--if-none",
            action="store_true",
            help="with --bundled: only if no encoder is active, or the bundled one has changed",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Activate; raises `CommandError` for a bundle that does not load."""
        if options["if_none"] and not options["bundled"]:
            raise CommandError("--if-none goes with --bundled.")
        try:
            done = _activate(options["name"], if_none=options["if_none"])
        except EncoderUnavailable as error:
            raise CommandError(str(error)) from error
        self._report(done)

    def _report(self, done: Activation | None) -> None:
        if done is None:
            self.stdout.write("An encoder is active already.")
            return
        self.stdout.write(f"Active encoder: {done.encoder.name} ({done.encoder.version})")
        if done.waiting:
            self.stdout.write(
                f"{done.waiting} references have no vector of it yet: the worker makes them now,"
                " and until then they are not found."
            )


def _activate(name: str | None, *, if_none: bool) -> Activation | None:
    if if_none:
        return activate_bundled_if_none()
    return activate(BUNDLED if name is None else Path(find_bundle(name)))
