"""Tables for the tests of import and export."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import openpyxl


def csv_of(*rows: Sequence[Any], separator: str = ";", encoding: str = "utf-8") -> bytes:
    """A CSV file of these rows."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_of(*rows: Sequence[Any]) -> bytes:
    """An XLSX file of these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()
