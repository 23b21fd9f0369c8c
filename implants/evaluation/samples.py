"""The labelled films of an evaluation, as a CSV file lists them."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from implants.region import Region, RegionError

COLUMNS: Final = ("path", "label", "group")
REGION_COLUMNS: Final = ("x", "y", "width", "height")
_Row = Mapping[str | None, str | None]


class EvaluationError(Exception):
    """An evaluation that can't be done; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A film, what is on it, and which films must not count as its neighbours.

    `group` is what several films have in common beside the label: the patient, or the implant.
    `region` None stands for the whole film.
    """

    path: Path
    label: str
    group: str
    region: Region | None


def read_samples(file: Path) -> list[Sample]:
    """The films of a CSV file with the columns path, label, group, and perhaps a region's.

    Paths are relative to the file; regions are fractions (0 to 1) of the upright image, empty for
    the whole film. Raises `EvaluationError`, with the line, for anything that is not complete.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            _check_columns(file, reader.fieldnames or [])
            samples = [_sample(file, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{file} can't be read: {error}") from error
    if len({sample.group for sample in samples}) < 2:
        raise EvaluationError(
            f"{file}: films of two groups or more are needed, a film is only compared with films"
            " outside its own group."
        )
    return samples


def _check_columns(file: Path, found: object) -> None:
    names = list(found) if isinstance(found, list | tuple) else []
    missing = [name for name in COLUMNS if name not in names]
    region = [name for name in REGION_COLUMNS if name in names]
    if region and len(region) < len(REGION_COLUMNS):
        missing += [name for name in REGION_COLUMNS if name not in names]
    if missing:
        raise EvaluationError(
            f"{file}: no column {', '.join(missing)} (found: {', '.join(names) or 'none'})."
        )


def _sample(file: Path, line: int, row: _Row) -> Sample:
    values = {name: (row.get(name) or "").strip() for name in (*COLUMNS, *REGION_COLUMNS)}
    if empty := [name for name in COLUMNS if not values[name]]:
        raise EvaluationError(f"{file}, line {line}: {', '.join(empty)} is empty.")
    try:
        region = _region([values[name] for name in REGION_COLUMNS])
    except ValueError as error:
        raise EvaluationError(
            f"{file}, line {line}: {error} A region is x, y, width and height in fractions (0 to 1)"
            " of the image."
        ) from error
    return Sample(file.parent / values["path"], values["label"], values["group"], region)


def _region(values: list[str]) -> Region | None:
    if not any(values):
        return None
    try:
        return Region.from_list([float(value) for value in values])
    except RegionError:
        raise
    except ValueError as error:
        raise ValueError("The region is not four numbers.") from error
