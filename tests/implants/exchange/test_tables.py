"""Files of tables: what is read, what is refused, what is guarded."""

import io
import zipfile
from decimal import Decimal

import openpyxl
import pytest

from implants.exchange import tables
from implants.exchange.tables import TableError, guarded, read_table, unguarded
from tests.implants.exchange.conftest import csv_of, xlsx_of

ROWS = (("Fabricante", "Nome"), ("Conexão", "Master"))


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_csv_of_any_spreadsheet_is_read(separator: str, encoding: str) -> None:
    table = read_table("x.CSV", csv_of(*ROWS, separator=separator, encoding=encoding))

    assert (table.head, table.rows) == (["Fabricante", "Nome"], [["Conexão", "Master"]])


def test_xlsx_is_read_with_numbers_as_people_write_them() -> None:
    table = read_table("x.xlsx", xlsx_of(("a", "b", "c"), (3, 4.0, Decimal("4.1"))))

    assert table.rows == [["3", "4", "4.1"]]


def test_blank_rows_are_left_out_and_lines_keep_their_numbers() -> None:
    table = read_table("x.csv", csv_of(("a", "b"), ("", ""), ("1", "2")))

    assert (table.rows, table.lines) == ([["1", "2"]], [3])


@pytest.mark.parametrize("name", ["x.xls", "x.ods", "x.json", "x.html", "x", "x.csv.exe"])
def test_other_formats_are_refused(name: str) -> None:
    with pytest.raises(TableError, match="CSV"):
        read_table(name, csv_of(*ROWS))


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx"])
def test_too_many_rows_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    make = csv_of if name.endswith("csv") else xlsx_of
    read_table(name, make(("a",), ("1",), ("2",)))

    with pytest.raises(TableError, match="2"):
        read_table(name, make(("a",), ("1",), ("2",), ("3",)))


def test_too_large_a_file_is_refused() -> None:
    with pytest.raises(TableError, match="2 MB"):
        read_table("x.csv", b"a" * (tables.MAX_BYTES + 1))


def test_a_file_that_swells_when_unpacked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MAX_UNPACKED_BYTES", 100)
    with pytest.raises(TableError):
        read_table("x.xlsx", xlsx_of(*ROWS))


def _zip_of_nothing() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr("a.txt", "a")
    return data.getvalue()


@pytest.mark.parametrize("data", [b"", b"no workbook", b"PK\x03\x04broken", _zip_of_nothing()])
def test_a_broken_workbook_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(TableError):
        read_table("x.xlsx", data)


def test_a_table_with_a_nul_is_refused() -> None:
    with pytest.raises(TableError):
        read_table("x.csv", b"manufacturer;name\nA;B\0C\n")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(TableError):
        read_table("x.csv", b"\n\n")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''", "a"])
def test_guarding_comes_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[0] not in "=+-@\t\r"


def test_an_apostrophe_of_the_text_itself_stays() -> None:
    assert unguarded("'t Hart") == "'t Hart"


def test_a_workbook_with_formulas_gives_their_values_not_the_formulas() -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "=1+1"])
    data = io.BytesIO()
    book.save(data)

    assert read_table("x.xlsx", data.getvalue()).head == ["a"], "nobody has computed it"
