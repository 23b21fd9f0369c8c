"""`manage.py evaluate_encoder`: how often an encoder finds the right label, on labelled films."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError

from implants.encoders.active import active
from implants.encoders.bundle import EncoderUnavailable, load_bundle
from implants.encoders.session import EncoderSession
from implants.evaluation.figures import FIGURES, Estimate
from implants.evaluation.report import TOLERANCE, Comparison, Evaluation, compare, evaluate
from implants.evaluation.samples import EvaluationError, Sample, read_samples
from implants.management.base import ExampleCommand, table

_POINTS: Final = round(TOLERANCE * 100)
_HEADS: Final = ("hit@1", "hit@3", "macro hit@1", "mAP")
_VERDICTS: Final = {
    "regression": f"Regression: hit@3 of B is more than {_POINTS} points below A's.",
    "undecided": f"Undecided: these films are too few to exclude a loss of {_POINTS} points.",
    "no_regression": f"No regression: a loss of more than {_POINTS} points is excluded.",
}


class Command(ExampleCommand):
    """Leave one group out: each film looks for its label among the films of other groups."""

    help = (
        "Measure how often an encoder finds films of the same label, beside chance and raw pixels."
    )
    examples = f"""examples:
  manage.py evaluate_encoder --images films.csv
  manage.py evaluate_encoder --images films.csv --encoder var/encoders/clip-vit-b-32-openai --json
  manage.py evaluate_encoder --images films.csv --compare OLD_BUNDLE NEW_BUNDLE

The CSV file has the columns path,label,group; paths are relative to it. Group: what films have in
common beside the label (the patient, or the implant); a film is never compared with its own group.
Columns x,y,width,height may give a region in fractions (0 to 1) of the image.

hit@k: a right label is among the k nearest films (cosine; ties count against the encoder).
macro hit@1: hit@1 of each label, averaged over labels. mAP: mean average precision over all films
of other groups. chance: the same over all orders of the films, computed exactly. raw pixels: the
films at 32 x 32 pixels compared directly. Ranges: 95 % intervals of a bootstrap over groups. A film
whose label no other group has can't be found: it counts as missed, and is counted in the report.

--compare: B - A is paired, film by film, over the same resamples of the groups. It fails (exit 1)
when the whole 95 % interval of B - A in hit@3 lies below -{TOLERANCE}. When only a part of it does,
the films are too few to tell: that does not fail, and says so.

A film that can't be opened is named and nothing is reported. Nothing is stored: after an
interruption, run the same command again. With --encoder or --compare no database is needed.
"""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The films, the encoder or two of them, and how to print it."""
        parser.add_argument(
            "--images", metavar="CSV", type=Path, required=True, help="the labelled films"
        )
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--encoder", metavar="DIR", type=Path, help="a bundle's folder (default: the active)"
        )
        which.add_argument(
            "--compare",
            metavar=("A", "B"),
            nargs=2,
            type=Path,
            help="two bundles' folders: fail if B is clearly worse than A",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the figures; raises `CommandError` without any, and if B is a regression."""
        try:
            samples = read_samples(options["images"])
            if options["compare"]:
                self._compare(samples, *options["compare"], as_json=options["json"])
            else:
                self._evaluate(samples, options["encoder"], as_json=options["json"])
        except (EvaluationError, EncoderUnavailable) as error:
            raise CommandError(str(error)) from error

    def _evaluate(self, samples: list[Sample], folder: Path | None, *, as_json: bool) -> None:
        session = active().session if folder is None else _session(folder)
        found = evaluate(samples, session)
        self._warn(found)
        self._print(found.to_dict() if as_json else _text(found))

    def _compare(self, samples: list[Sample], a: Path, b: Path, *, as_json: bool) -> None:
        found = compare(samples, _session(a), _session(b))
        self._warn(found.a)
        self._print(found.to_dict() if as_json else _compared(found))
        if found.verdict == "regression":
            raise CommandError(_VERDICTS[found.verdict])
        if as_json:
            self.stderr.write(_VERDICTS[found.verdict])

    def _print(self, answer: dict[str, Any] | str) -> None:
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        self.stdout.write(text)

    def _warn(self, found: Evaluation) -> None:
        if found.in_several_groups:
            self.stderr.write(
                f"Warning: {found.in_several_groups} films are in several groups, where they find"
                " themselves: the figures are too good."
            )


def _session(folder: Path) -> EncoderSession:
    return EncoderSession(load_bundle(folder), settings.ENCODER_THREADS)


def _text(found: Evaluation) -> str:
    rows = [
        _row("encoder", found.figures),
        _row("raw pixels", found.raw_pixels),
        _row("chance", found.chance),
    ]
    lines = [f"Encoder: {found.encoder} ({found.version})", _counts(found)]
    return "\n".join([*lines, table(["", *_HEADS], rows)])


def _compared(found: Comparison) -> str:
    rows = [
        _row("A", found.a.figures),
        _row("B", found.b.figures),
        _row("B - A", found.difference),
        _row("chance", found.a.chance),
    ]
    lines = [f"{name}: {one.encoder} ({one.version})" for name, one in _named(found)]
    return "\n".join(
        [*lines, _counts(found.a), table(["", *_HEADS], rows), _VERDICTS[found.verdict]]
    )


def _named(found: Comparison) -> list[tuple[str, Evaluation]]:
    return [("A", found.a), ("B", found.b)]


def _counts(found: Evaluation) -> str:
    return (
        f"{found.images} images, {found.groups} groups, {found.labels} labels;"
        f" {found.without_a_match} without a match in another group"
    )


def _row(name: str, figures: Estimate) -> list[str]:
    cells = []
    for figure in FIGURES:
        low, high = figures.interval(figure)
        cells.append(f"{figures.value(figure):.3f} ({low:.3f} to {high:.3f})")
    return [name, *cells]
