"""`manage.py export_encoder`: make an encoder bundle (in the environment of requirements/ml)."""

import importlib.util
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from implants.encoders.bundle import BUNDLED
from implants.management.base import ExampleCommand


class Command(ExampleCommand):
    """Turns a model into a bundle. Torch is imported by `handle`: serving never has it."""

    help = "Make an encoder bundle (encoder.onnx and encoder.json). Needs requirements/ml.txt."
    examples = """example:
  .venv-ml/bin/python manage.py export_encoder --bundled
"""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which model, where to, and how many films it is fitted on."""
        model = parser.add_mutually_exclusive_group(required=True)
        model.add_argument(
            "--bundled",
            action="store_true",
            help="EfficientNet-Lite0 fitted on rendered films, as it comes with Raiox",
        )
        parser.add_argument("--folder", type=Path, default=BUNDLED, help="where the bundle goes")
        parser.add_argument(
            "--rounds",
            type=int,
            default=6,
            help="how often each demo system is rendered in each view (default: %(default)s)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Exports; raises `CommandError`, and writes nothing, if ONNX and torch disagree."""
        if options["rounds"] < 1:
            raise CommandError("--rounds must be 1 or more: without films there is nothing to fit.")
        if importlib.util.find_spec("torch") is None:
            raise CommandError("torch is missing: run this with requirements/ml.txt installed.")
        from implants.encoders.export.bundled import export_bundled
        from implants.encoders.export.graph import ParityError

        try:
            exported = export_bundled(options["folder"], options["rounds"])
        except (ParityError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"ONNX Runtime against torch: cosine at least {exported.parity:.6f}")
        self.stdout.write(f"{options['folder']}: {exported.megabytes:.1f} MB")
