"""Tables as files: read within limits as spreadsheets write them, written as they open them."""

import csv
import io
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from django.utils.translation import gettext as _
from tablib import Dataset

MAX_BYTES: Final = 2 * 2**20
MAX_ROWS: Final = 5_000
_MAX_COLUMNS: Final = 200
_MAX_UNPACKED_BYTES: Final = 30 * 2**20
_SEPARATORS: Final = ";,\t"
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_GUARD: Final = "'"
_UNREADABLE: Final = (
    zipfile.BadZipFile, ParseError, KeyError, ValueError, OSError, EOFError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
"""What a broken or locked workbook makes openpyxl and zipfile raise."""


class Kind(StrEnum):
    """The formats of a table."""

    CSV = "csv"
    XLSX = "xlsx"


class TableError(ValueError):
    """A file that is no table for us; the message is for people."""


@dataclass(frozen=True, slots=True)
class Table:
    """Texts of a file: the head, the rows that aren't blank, and in which line each stood."""

    head: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_table(name: str, data: bytes) -> Table:
    """The table in a file of this name. Raises `TableError`."""
    if len(data) > MAX_BYTES:
        raise TableError(_("The file is larger than %(size)d MB.") % {"size": MAX_BYTES // 2**20})
    kind = name.rsplit(".", 1)[-1].lower()
    if kind not in set(Kind):
        raise TableError(_("Only CSV and XLSX files can be imported."))
    lines = _csv_lines(data) if kind == Kind.CSV else _xlsx_lines(data)
    filled = [(number, line) for number, line in enumerate(lines, 1) if any(line)]
    if not filled:
        raise TableError(_("The file is empty."))
    if any("\0" in text for _number, line in filled for text in line):
        raise TableError(_("The file can't be read as a table."))
    if len(filled) - 1 > MAX_ROWS:
        raise TableError(_("The table has more than %(count)d rows.") % {"count": MAX_ROWS})
    (_number, head), *rows = filled
    # Beside the table a sheet may hold anything, or nothing in many columns.
    width = max(place for place, text in enumerate(head, 1) if text)
    fitted = [(line + [""] * width)[:width] for _number, line in rows]
    return Table(head[:width], fitted, [number for number, _line in rows])


def write_table(kind: Kind, table: Dataset) -> bytes:
    """The file of a table. CSV as spreadsheets in Brazil open it: semicolons, UTF-8 with a mark."""
    # Looks for what each of its formats needs, openpyxl too: no process's start has to wait for it.
    from import_export.formats import base_formats

    if kind == Kind.CSV:
        text: str = base_formats.CSV().export_data(table, delimiter=";")
        return text.encode("utf-8-sig")
    written: bytes = base_formats.XLSX().export_data(table)
    return written


def guarded(text: str) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return _GUARD + text if text.startswith((*_FORMULA_STARTS, _GUARD)) else text


def unguarded(text: str) -> str:
    """Without the apostrophe that `guarded` has set."""
    guarded_text = text.startswith(_GUARD) and text[1:].startswith((*_FORMULA_STARTS, _GUARD))
    return text[1:] if guarded_text else text


def _csv_lines(data: bytes) -> list[list[str]]:
    text = _decoded(data)
    head = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=head.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        return [[cell.strip() for cell in line] for line in reader]
    except csv.Error as error:
        raise TableError(_("The file can't be read as a table.")) from error


def _decoded(data: bytes) -> str:
    """UTF-8, or what Excel writes on Windows in Brazil."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _xlsx_lines(data: bytes) -> list[list[str]]:
    import openpyxl  # a tenth of what every process's start would take
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > _MAX_UNPACKED_BYTES:
                raise TableError(_("The file is too large when unpacked."))
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        # The sheet says its own size, which may be anything.
        rows = book.worksheets[0].iter_rows(
            max_row=MAX_ROWS + 2, max_col=_MAX_COLUMNS, values_only=True
        )
        return [[_cell(value) for value in row] for row in rows]
    except TableError:
        raise
    except (*_UNREADABLE, InvalidFileException, IndexError) as error:
        raise TableError(_("The file can't be read as a table.")) from error


def _cell(value: Any) -> str:
    """A cell's text; whole numbers without the ".0" of the file."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
