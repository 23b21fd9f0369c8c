"""`manage.py activate_encoder`: which encoder answers, changed without a gap."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from implants.activation import (
    Activation,
    IncompleteError,
    activate_bundled_if_none,
    find_bundle,
    register,
    switch,
)
from implants.encoders.bundle import BUNDLED, EncoderUnavailable
from implants.management.base import ExampleCommand
from implants.management.reembedding import reembed_all
from implants.models import Encoder


class Command(ExampleCommand):
    """Registers a bundle and makes it the active encoder; running processes follow in seconds."""

    help = "Make an encoder the one that answers, after loading it once."
    examples = """examples:
  manage.py activate_encoder --bundled
  manage.py activate_encoder --bundled --if-none
  manage.py activate_encoder clip-vit-b-32-openai
  manage.py activate_encoder /srv/encoders/my-encoder

Vectors that it lacks are made first, and the encoder before it answers until then; “manage.py
reembed” does that beforehand. With --if-none nothing is waited for: release.sh has made the vectors
before. After an interruption, run the same command again.
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
        parser.add_argument(
            "--now",
            action="store_true",
            help="change at once; references are not found until the worker has made their vectors",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Activate; raises `CommandError` for a bundle that does not load."""
        if options["if_none"] and not options["bundled"]:
            raise CommandError("--if-none goes with --bundled.")
        try:
            if options["if_none"]:
                done = activate_bundled_if_none()
            else:
                done = self._activate(options["name"], now=options["now"])
        except EncoderUnavailable as error:
            raise CommandError(str(error)) from error
        self._report(done)

    def _activate(self, name: str | None, *, now: bool) -> Activation:
        encoder = register(BUNDLED if name is None else Path(find_bundle(name)))
        if now or not Encoder.objects.filter(is_active=True).exclude(pk=encoder.pk).exists():
            return switch(encoder)
        while True:
            failed = reembed_all(self, encoder)
            try:
                return switch(encoder, complete=True)
            except IncompleteError as error:
                # More than failed here: added since. Those get their vectors, too, and soon.
                if error.missing <= failed:
                    raise CommandError(
                        f"{error} They would not be found any more; nothing was changed. Mend them,"
                        " or add --now to do without them."
                    ) from error

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
