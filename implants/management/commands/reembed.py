"""`manage.py reembed`: vectors by another encoder, while the present one answers."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from implants.activation import bundled_has_changed, find_bundle, found_only_now, register
from implants.encoders.bundle import BUNDLED, EncoderUnavailable
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
  manage.py reembed --bundled

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
            "--bundled",
            action="store_true",
            help="if the bundled encoder of another release answers: by the one of this release",
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
        elif options["bundled"]:
            self._reembed_bundled()
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

    def _reembed_bundled(self) -> None:
        """What had no vector before may do without; nothing that is found now may get lost."""
        try:
            if not bundled_has_changed():
                self.stdout.write("No bundled encoder of another release answers: nothing to do.")
                return
            encoder = register(BUNDLED)
            reembed_all(self, encoder)
        except EncoderUnavailable as error:
            raise CommandError(str(error)) from error
        if lost := found_only_now(encoder):
            raise CommandError(f"{lost} references have no vector of this release's encoder.")
        self.stdout.write(f"{encoder.name} ({encoder.version}) is ready to answer.")

    def _prune(self) -> None:
        if not Encoder.objects.filter(is_active=True).exists():
            raise CommandError("No encoder is active: all vectors would go.")
        removed = prune()
        for name, count in removed.items():
            self.stdout.write(f"{name}: {count} vectors removed.")
        if not removed:
            self.stdout.write("There are no vectors but those of the active encoder.")
