"""`manage.py export_encoder`: make an encoder bundle (in the environment of requirements/ml)."""

import importlib.util
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.management.base import CommandError

from implants.encoders.bundle import BUNDLED
from implants.encoders.export import ExportError
from implants.encoders.export.request import ACTIVATIONS, FACTS, ClipRequest
from implants.management.base import ExampleCommand

if TYPE_CHECKING:
    from implants.encoders.export.writing import Exported

_FILE_SUFFIXES: Final = (".pt", ".pth", ".bin", ".safetensors", ".ckpt")


class Command(ExampleCommand):
    """Turns a model into a bundle. Torch is imported by `handle`: serving never has it."""

    help = "Make an encoder bundle (encoder.onnx and encoder.json). Needs requirements/ml.txt."
    examples = """examples:
  .venv-ml/bin/python manage.py export_encoder --model ViT-B-32 --pretrained openai
  .venv-ml/bin/python manage.py export_encoder --model ViT-B-32 --pretrained openai --int8
  .venv-ml/bin/python manage.py export_encoder --model ViT-B-32 --pretrained my.pt --licence MIT \\
      --activation GELU --mean 0.481 0.458 0.408 --std 0.269 0.261 0.276 --interpolation bicubic
  .venv-ml/bin/python manage.py export_encoder --bundled

A CLIP bundle goes into var/encoders/; `reembed --encoder NAME` and `activate_encoder NAME` let it
answer. A checkpoint that is a published file is known by its SHA-256 and needs no options.
"""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which model and weights, what is known of them, and where the bundle goes."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--model", help="a model of open_clip, as ViT-B-32")
        which.add_argument(
            "--bundled",
            action="store_true",
            help="EfficientNet-Lite0 fitted on rendered films, as it comes with Raiox",
        )
        _add_clip(parser.add_argument_group("with --model"))
        parser.add_argument("--folder", type=Path, help="where the bundle goes instead")
        parser.add_argument(
            "--int8", action="store_true", help="weights of 8 bits; says what that changes"
        )
        parser.add_argument(
            "--force", action="store_true", help="with --int8: write it even if the answers differ"
        )
        parser.add_argument(
            "--rounds",
            type=int,
            default=6,
            help="with --bundled: how often each demo system is rendered (default: %(default)s)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Exports, or raises `CommandError` and leaves an older bundle as it was."""
        _check(options)
        for package, module in (("torch", "torch"), ("open_clip", "open_clip_torch")):
            if importlib.util.find_spec(package) is None:
                raise CommandError(
                    f"{module} is missing: run this with requirements/ml.txt installed"
                    " (make .venv-ml/ml.stamp)."
                )
        try:
            exported = _export(options)
        except (ExportError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self._report(exported)

    def _report(self, exported: "Exported") -> None:
        self.stdout.write(f"ONNX Runtime against torch: cosine at least {exported.parity:.6f}")
        if exported.drift is not None:
            self.stdout.write(f"8 bits against 32: {exported.drift}")
        self.stdout.write(f"{exported.name}: {exported.folder}, {exported.megabytes:.1f} MB")


def _add_clip(group: Any) -> None:
    """The options of a CLIP export; all but --pretrained are for weights that aren't published."""
    group.add_argument("--pretrained", metavar="TAG|PATH", help="open_clip's tag, or a checkpoint")
    group.add_argument(
        "--hub", action="store_true", help="take the weights from Hugging Face, not from their URL"
    )
    group.add_argument("--activation", choices=ACTIVATIONS)
    for name in ("mean", "std"):
        group.add_argument(
            f"--{name}", nargs=3, type=float, metavar=("R", "G", "B"), help="on the scale 0 to 1"
        )
    group.add_argument("--interpolation", choices=("bilinear", "bicubic", "lanczos"))
    group.add_argument("--licence", help="of the weights, as it goes into encoder.json")
    group.add_argument("--name", help="of the encoder and its folder (default: from the weights)")


def _check(options: dict[str, Any]) -> None:
    """What is wrong whatever is installed; raises `CommandError`."""
    if options["rounds"] < 1:
        raise CommandError("--rounds must be 1 or more: without films there is nothing to fit.")
    if options["force"] and not options["int8"]:
        raise CommandError("--force goes with --int8.")
    if options["model"] and not options["pretrained"]:
        raise CommandError("--model needs --pretrained: a tag of open_clip, or a checkpoint.")
    given = [name for name in ("pretrained", "hub", "name", *FACTS) if options[name]]
    if options["bundled"] and given:
        raise CommandError(f"--{given[0]} goes with --model, not with --bundled.")
    pretrained = Path(options["pretrained"] or "")
    named_a_file = pretrained.suffix in _FILE_SUFFIXES or len(pretrained.parts) > 1
    if named_a_file and not pretrained.expanduser().is_file():
        raise CommandError(f"{pretrained}: there is no such file.")


def _export(options: dict[str, Any]) -> "Exported":
    from implants.encoders.export.bundled import NAME, export_bundled
    from implants.encoders.export.clip import export_clip
    from implants.encoders.export.writing import Int8, bundle_name

    int8 = Int8.NO
    if options["int8"]:
        int8 = Int8.FORCED if options["force"] else Int8.CHECKED
    encoders = Path(settings.VAR_DIR) / "encoders"
    if options["model"]:
        return export_clip(_request(options), encoders, options["folder"], int8)
    # The committed bundle is never replaced by its 8-bit form.
    usual = BUNDLED if int8 is Int8.NO else encoders / bundle_name(NAME, int8)
    return export_bundled(options["folder"] or usual, options["rounds"], int8)


def _request(options: dict[str, Any]) -> ClipRequest:
    facts = {name: options[name] for name in FACTS if options[name] is not None}
    for name in ("mean", "std"):
        if name in facts:
            facts[name] = tuple(facts[name])
    return ClipRequest(
        model=options["model"],
        pretrained=options["pretrained"],
        hub=options["hub"],
        facts=facts,
        name=options["name"],
    )
