"""Import of systems: the round trip, the preview, errors by row, all or nothing."""

from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.utils import translation

from implants.exchange.importing import Preview, carry_out, look_at
from implants.exchange.resource import to_dataset
from implants.exchange.tables import Kind, TableError, read_table, write_table
from implants.models import Implant, Manufacturer
from implants.published import SYSTEMS
from implants.seeding.systems import complete_system
from tests.factories import ImplantFactory
from tests.implants.exchange.conftest import csv_of
from tests.people import person

pytestmark = pytest.mark.django_db

HEAD = ("Fabricante", "Nome")


def preview(*rows: Any, may_add_makers: bool = True) -> Preview:
    return look_at("x.csv", csv_of(*rows), may_add_makers=may_add_makers)


def rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Implant.objects.order_by("pk").values()]


def do(*rows: Any, actor: User, mark: str | None = None) -> Preview:
    data = csv_of(*rows)
    seen = look_at("x.csv", data, may_add_makers=True)
    return carry_out("x.csv", data, mark or seen.mark, may_add_makers=True, actor=actor)


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def blx(db: None) -> Implant:
    return ImplantFactory.create(
        manufacturer=Manufacturer.objects.create(name="Straumann", country="CH"),
        name="BLX",
        body="tapered",
        sources={"body": "F", "nota": "de um curador"},
    )


@pytest.mark.parametrize("kind", [*Kind])
@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_round_trip_changes_nothing(kind: Kind, language: str, curator: User) -> None:
    for system in SYSTEMS:
        complete_system(system)
    ImplantFactory.create(
        name="=HYPERLINK(1)", aliases=["+55", "@a", "b"], thread="-fina", microthread=False,
        apical_feature="hole", diameters_mm=[Decimal("3.00"), Decimal("10.25")],
        sources={"thread": "=cmd", "nota": "fica"},
    )  # fmt: skip
    before = rows()
    with translation.override(language):
        data = write_table(kind, to_dataset(Implant.objects.all()))
        seen = look_at(f"x.{kind}", data, may_add_makers=False)

    assert (seen.rows, seen.problems, seen.unchanged) == ((), (), len(SYSTEMS) + 1)
    assert rows() == before


@pytest.mark.parametrize(
    ("columns", "cells", "sources"),
    [
        ((), (), {"nota": "de um curador"}),
        (("body_source",), ("F",), {"nota": "de um curador"}),
        (("body_source",), ("catálogo",), {"nota": "de um curador", "body": "catálogo"}),
    ],
)
def test_fact_that_changes_loses_the_source_of_the_earlier_one(
    blx: Implant, curator: User, columns: Any, cells: Any, sources: dict[str, str]
) -> None:
    do((*HEAD, "body", *columns), ("Straumann", "BLX", "parallel", *cells), actor=curator)
    blx.refresh_from_db()
    assert (blx.body, blx.sources) == ("parallel", sources)


@pytest.mark.parametrize("kind", [*Kind])
def test_a_table_into_an_empty_catalogue_makes_the_same_implants(kind: Kind, curator: User) -> None:
    for system in SYSTEMS:
        complete_system(system)
    kept = {(row["name"]): row for row in rows()}
    data = write_table(kind, to_dataset(Implant.objects.all()))
    Implant.objects.all().delete()
    Manufacturer.objects.all().delete()

    seen = look_at(f"x.{kind}", data, may_add_makers=True)
    assert not Manufacturer.objects.exists(), "a look writes nothing"
    done = carry_out(f"x.{kind}", data, seen.mark, may_add_makers=True, actor=curator)

    assert done.new_count == len(SYSTEMS)
    assert Manufacturer.objects.get(name="SIN").country == "BR"
    for row in rows():
        same = {
            name: row[name] for name in row if name not in ("id", "manufacturer_id", "created_at")
        }
        assert same.items() <= kept[row["name"]].items()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_of_an_export_is_a_formula(text: str, tmp_path: Any) -> None:
    maker = Manufacturer.objects.create(name=text)
    ImplantFactory.create(
        manufacturer=maker, name=text, aliases=[text], collar=text, sources={"collar": text}
    )
    data = to_dataset(Implant.objects.all())
    cells = [cell for row in read_table("x.csv", write_table(Kind.CSV, data)).rows for cell in row]
    assert text not in cells and f"'{text}" in cells
    path = tmp_path / "x.xlsx"
    path.write_bytes(write_table(Kind.XLSX, data))
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_preview_says_what_changes_and_writes_nothing(blx: Implant) -> None:
    seen = preview((*HEAD, "Corpo", "Corpo: fonte"), ("straumann", "BLX", "Paralelo", "catálogo"))

    (row,) = seen.rows
    assert (row.line, row.is_new, row.implant.pk) == (2, False, blx.pk)
    told = {change.label: (change.before, change.after) for change in row.changes}
    assert told == {"Corpo": ("cônico", "paralelo"), "Corpo: fonte": ("F", "catálogo")}
    blx.refresh_from_db()
    assert blx.body == "tapered"


def test_import_changes_only_the_columns_that_are_there(blx: Implant, curator: User) -> None:
    do((*HEAD, "Corpo", "Corpo: fonte"), ("Straumann", "BLX", "parallel", ""), actor=curator)

    blx.refresh_from_db()
    assert (blx.body, blx.sources) == ("parallel", {"nota": "de um curador"})
    assert blx.manufacturer.country == "CH"


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("Corpo", "redondo", "paralelo"),
        ("Microrrosca", "talvez", "sim ou não"),
        ("Diâmetros (mm)", "3,5; x", "“x”"),
        ("Diâmetros (mm)", "1000", ""),
        ("Rosca", "r" * 201, "200"),
        ("País", "BR", "CH"),
    ],
)
def test_a_bad_cell_is_told_with_line_and_column(
    blx: Implant, column: str, text: str, told: str
) -> None:
    seen = preview((*HEAD, column), ("SIN", "Epikut", ""), ("Straumann", "BLX", text))

    (problem,) = seen.problems
    assert (problem.line, problem.label) == (3, column)
    assert told in problem.text and not seen.is_possible


def test_one_bad_row_keeps_all_others_out(blx: Implant, curator: User) -> None:
    done = do((*HEAD, "Corpo"), ("SIN", "Epikut", ""), ("Straumann", "BLX", "x"), actor=curator)

    assert done.problems and not Manufacturer.objects.filter(name="SIN").exists()
    assert Implant.objects.count() == 1 and not LogEntry.objects.exists()


@pytest.mark.parametrize(
    "bad", [("", "BLX"), ("Straumann", ""), ("STRAUMANN", "blx")], ids=["maker", "name", "twice"]
)
def test_each_row_names_one_implant_once(blx: Implant, bad: tuple[str, str]) -> None:
    seen = preview(HEAD, ("Straumann", "BLX"), bad)
    assert [problem.line for problem in seen.problems] == [3]


@pytest.mark.parametrize(
    "head", [("Fabricante",), (*HEAD, "Cor"), (*HEAD, "Nome"), (*HEAD, "nome")]
)
def test_a_head_that_is_not_ours_is_refused(head: tuple[str, ...]) -> None:
    with pytest.raises(TableError):
        preview(head, ["x"] * len(head))


def test_a_new_manufacturer_needs_its_permission(db: None) -> None:
    assert preview(HEAD, ("Acme", "Um"), ("Acme", "Dois")).makers == ("Acme",)
    refused = preview(HEAD, ("Acme", "Um"), may_add_makers=False)
    assert [problem.label for problem in refused.problems] == ["Fabricante"]


def test_what_changed_meanwhile_is_not_overwritten(blx: Implant, curator: User) -> None:
    table = ((*HEAD, "Corpo"), ("Straumann", "BLX", "paralelo"))
    mark = preview(*table).mark
    Implant.objects.update(body="semi_tapered")

    done = do(*table, actor=curator, mark=mark)

    assert done.mark != mark
    blx.refresh_from_db()
    assert blx.body == "semi_tapered" and not LogEntry.objects.exists()


def test_history_says_who_imported_what(blx: Implant, curator: User) -> None:
    do((*HEAD, "Corpo"), ("Straumann", "BLX", "paralelo"), ("Acme", "Um", ""), actor=curator)

    entries = {(entry.object_repr, entry.action_flag): entry for entry in LogEntry.objects.all()}
    assert set(entries) == {("Straumann BLX", CHANGE), ("Acme Um", ADDITION), ("Acme", ADDITION)}
    changed = entries["Straumann BLX", CHANGE]
    assert changed.user == curator
    assert "x.csv" in changed.change_message and "Corpo" in changed.change_message
