"""The same values for several rows: what would change, and writing just that."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import CHANGE
from django.contrib.admin.utils import display_for_field
from django.db.models import Model
from django.utils.formats import number_format

from implants.attributes import without_outdated
from implants.history import field_labels, record_all


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one row, as people read it."""

    row: Any
    name: str
    before: str
    after: str

    @property
    def label(self) -> str:
        """What the field is called."""
        return field_labels([self.name], type(self.row))


def changes_of(rows: Sequence[Any], values: Mapping[str, Any]) -> list[Change]:
    """What would be another value than now, row by row."""
    return [
        Change(row, name, _shown(row, name, getattr(row, name)), _shown(row, name, value))
        for row in rows
        for name, value in values.items()
        if getattr(row, name) != value
    ]


def batch_mark(changes: Sequence[Change]) -> str:
    """By which it is known again that a batch does what was shown."""
    shown = [(one.row.pk, one.name, one.before, one.after) for one in changes]
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def write(changes: Sequence[Change], values: Mapping[str, Any], actor: Any) -> None:
    """Write them, and who did it. A fact that changes loses the source of the earlier one."""
    told: dict[int, list[str]] = {}
    rows: dict[int, Any] = {}
    for change in changes:
        rows[change.row.pk] = change.row
        setattr(change.row, change.name, values[change.name])
        told.setdefault(change.row.pk, []).append(
            f"{change.label}: {change.before} → {change.after}"
        )
        if sources := getattr(change.row, "sources", {}):
            change.row.sources = without_outdated(sources, sources, [change.name])
    for row in rows.values():
        row.save()
    record_all([(row, f"{'; '.join(told[pk])}.") for pk, row in rows.items()], CHANGE, actor)


def _shown(row: Model, name: str, value: Any) -> str:
    if value in ("", None, []):
        return "—"
    if isinstance(value, list):
        return "; ".join(number_format(size.normalize() + 0) for size in value)
    # To mypy a field may be a relation's other side.
    return str(display_for_field(value, row._meta.get_field(name), "—"))  # type: ignore[arg-type]
