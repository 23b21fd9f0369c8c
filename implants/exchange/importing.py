"""An import in two steps: what it would do, row by row, and doing exactly that."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import transaction
from django.utils.translation import gettext as _
from import_export.results import Result, RowResult

from implants.exchange.resource import ImplantResource, from_table, heading
from implants.exchange.tables import read_table
from implants.history import record_all
from implants.models import Implant


@dataclass(frozen=True, slots=True)
class Change:
    """One cell: what it is called, what stands in the catalogue, what the table says."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RowPreview:
    """A row that would do something: a new implant, or one with other values."""

    line: int
    implant: Implant
    is_new: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that can't be imported and why; `label` is the column's, if it is about one."""

    line: int
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do; with a problem it does nothing at all."""

    rows: tuple[RowPreview, ...]
    problems: tuple[RowProblem, ...]
    unchanged: int
    makers: tuple[str, ...]

    @property
    def is_possible(self) -> bool:
        """Whether there is something to do, and nothing in the way."""
        return bool(self.rows) and not self.problems

    @property
    def new_count(self) -> int:
        """How many implants would be created."""
        return sum(row.is_new for row in self.rows)

    @property
    def changed_count(self) -> int:
        """How many would change."""
        return len(self.rows) - self.new_count

    @property
    def mark(self) -> str:
        """By which it is known again that an import does what was shown."""
        shown = [(row.line, row.is_new, str(row.implant), row.changes) for row in self.rows]
        return hashlib.sha256(repr((shown, self.makers)).encode()).hexdigest()


def look_at(name: str, data: bytes, *, may_add_makers: bool) -> Preview:
    """What importing this file would do; nothing stays written. Raises `TableError`."""
    return _import(name, data, dry_run=True, may_add_makers=may_add_makers, actor=None)


def carry_out(name: str, data: bytes, mark: str, *, may_add_makers: bool, actor: Any) -> Preview:
    """Import if that still does what `mark` was shown for; all rows or none.

    Compare the `mark` of what comes back: another one says that nothing was written. Raises
    `TableError`.
    """
    with transaction.atomic():
        done = _import(name, data, dry_run=False, may_add_makers=may_add_makers, actor=actor)
        if done.mark != mark or not done.is_possible:
            transaction.set_rollback(True)
    return done


def _import(name: str, data: bytes, *, dry_run: bool, may_add_makers: bool, actor: Any) -> Preview:
    table = read_table(name, data)
    resource = ImplantResource(may_add_makers=may_add_makers)
    result = resource.import_data(
        from_table(table),
        dry_run=dry_run,
        rollback_on_validation_errors=True,
        retain_instance_in_row_result=True,
    )
    preview = _preview(resource, result, table.lines)
    if preview.is_possible and not dry_run:
        _log(resource, preview, name, actor)
    return preview


def _preview(resource: ImplantResource, result: Result, lines: list[int]) -> Preview:
    numbered = list(zip(lines, result.rows, strict=True))
    return Preview(
        rows=tuple(
            _row(resource, line, row) for line, row in numbered if row.is_new() or row.is_update()
        ),
        problems=tuple(problem for line, row in numbered for problem in _problems(line, row)),
        unchanged=sum(row.is_skip() for row in result.rows),
        makers=tuple(maker.name for maker in resource.created_makers),
    )


def _row(resource: ImplantResource, line: int, row: RowResult) -> RowPreview:
    before = row.original or Implant()
    said_already = ("manufacturer", "name") if row.is_new() else ("manufacturer",)
    changes = []
    for name, field in resource.fields.items():
        if name in said_already:
            continue
        old, new = field.export(before), field.export(row.instance)
        if old != new:
            changes.append(Change(heading(name), old, new))
    return RowPreview(line, row.instance, row.is_new(), tuple(changes))


def _problems(line: int, row: RowResult) -> list[RowProblem]:
    if row.validation_error is not None:
        error = row.validation_error
        told = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        return [
            RowProblem(line, _label(name), text) for name, texts in told.items() for text in texts
        ]
    return [RowProblem(line, "", str(error.error)) for error in row.errors]


def _label(name: str) -> str:
    if name in ("", NON_FIELD_ERRORS):
        return ""
    if name == "sources":
        return _("sources")
    return heading(name.removeprefix("manufacturer__"))


def _log(resource: ImplantResource, preview: Preview, name: str, actor: Any) -> None:
    made = _("Imported from “%(file)s”.") % {"file": name}
    record_all([(maker, made) for maker in resource.created_makers], ADDITION, actor)
    record_all([(row.implant, made) for row in preview.rows if row.is_new], ADDITION, actor)
    changed = [
        (row.implant, f"{made} {', '.join(change.label for change in row.changes)}.")
        for row in preview.rows
        if not row.is_new
    ]
    record_all(changed, CHANGE, actor)
