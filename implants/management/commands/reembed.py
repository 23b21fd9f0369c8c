"""`manage.py reembed`: vectors by another encoder, while the present one answers."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from implants.activation import find_bundle, register
from implants.encoders.bundle import EncoderUnavailable
from implants.management.base import ExampleCommand
from implants.management.reembedding import reembed_all
from implants.models import Encoder
from implants.reembedding import prune


class Command(ExampleCommand):
    """Makes the vectors of all references beside the old ones, or removes those not in use."""

    help = "Make the vectors of all references by an encoder that is to be activated next."
    examples = """examples:
  manage.py reembed --encoder clip-vit-b-32-openai
  manage.py activate_encoder clip-vit-b-32-openai
  manage.py reembed --prune

Search answers from the active encoder until another one is activated. After an interruption, run
the same command again: it goes on where it was.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME, or that old vectors go."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--encoder",
            metavar="NAME",
            help="a known encoder, a folder of var/encoders, or a bundle's folder",
        )
        what.add_argument(
            "--prune",
            action="store_true",
            help="remove the vectors of all encoders but the active one",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it; raises `CommandError` if some reference got no vector."""
        if options["prune"]:
            self._prune()
        else:
            self._reembed(options["encoder"])

    def _reembed(self, name: str) -> None:
        try:
            encoder = register(Path(find_bundle(name)))
            failures = reembed_all(self, encoder)
        except EncoderUnavailable as error:
            raise CommandError(str(error)) from error
        if failures:
            raise CommandError(f"{failures} references have no vector of {encoder.name}.")
        self.stdout.write(f"All references have a vector of {encoder.name} ({encoder.version}).")
        if not encoder.is_active:
            self.stdout.write(f"To have it answer: manage.py activate_encoder {name}")

    def _prune(self) -> None:
        if not Encoder.objects.filter(is_active=True).exists():
            raise CommandError("No encoder is active: all vectors would go.")
        removed = prune()
        for name, count in removed.items():
            self.stdout.write(f"{name}: {count} vectors removed.")
        if not removed:
            self.stdout.write("There are no vectors but those of the active encoder.")
