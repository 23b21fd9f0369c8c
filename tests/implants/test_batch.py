"""Batch edit: the chosen fields of the chosen rows, after a look at what changes."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from implants.models import Implant, ReferenceImage
from tests.factories import ImplantFactory, ReferenceImageFactory
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db

IMPLANTS = "/admin/implants/implant/"
REFERENCES = "/admin/implants/referenceimage/"


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def desk(curator: User) -> Client:
    return logged_in(curator)


@pytest.fixture
def two(db: None) -> list[Implant]:
    return [
        ImplantFactory.create(body="tapered", thread="fina", sources={"body": "F", "thread": "S"}),
        ImplantFactory.create(body="parallel"),
    ]


def send(desk: Client, address: str, rows: list[Any], *fields: str, **values: Any) -> Any:
    ids = ",".join(str(row.pk) for row in rows)
    ticked = {f"set_{name}": "on" for name in fields}
    return desk.post(f"{address}batch/", {"ids": ids, **ticked, **values}, follow=True)


def look_and_do(desk: Client, address: str, rows: list[Any], *fields: str, **values: Any) -> Any:
    seen = send(desk, address, rows, *fields, **values)
    return send(desk, address, rows, *fields, **values, mark=seen.context["mark"])


def test_the_action_shows_the_form(desk: Client, two: list[Implant]) -> None:
    chosen = {"action": "batch", "_selected_action": [one.pk for one in two]}
    page: Any = desk.post(IMPLANTS, chosen)
    assert page.context["count"] == 2 and page.context["step"] == "ask"
    assert not any(ticked for _, ticked in page.context["fields"])


def test_what_would_change_is_shown_and_nothing_written(desk: Client, two: list[Implant]) -> None:
    page = send(desk, IMPLANTS, two, "body", "look_alike_group", body="tapered",
                look_alike_group="cone")  # fmt: skip

    told = [(change.row, change.label, change.before, change.after)
            for change in page.context["changes"]]  # fmt: skip
    group = "grupo de implantes semelhantes"
    assert told == [
        (two[0], group, "—", "cone"),
        (two[1], "corpo", "paralelo", "cônico"),
        (two[1], group, "—", "cone"),
    ]
    assert not Implant.objects.filter(look_alike_group="cone").exists()


def test_only_the_chosen_fields_are_written(desk: Client, two: list[Implant]) -> None:
    look_and_do(desk, IMPLANTS, two, "body", body="semi_tapered", thread="outra", apex="cone",
                diameters_mm="x")  # fmt: skip

    for one in two:
        one.refresh_from_db()
    assert [one.body for one in two] == ["semi_tapered"] * 2
    assert (two[0].thread, two[1].thread, two[0].apex) == ("fina", "", "")


def test_a_fact_that_changes_loses_the_earlier_ones_source(
    desk: Client, two: list[Implant]
) -> None:
    look_and_do(desk, IMPLANTS, two, "body", body="semi_tapered")
    two[0].refresh_from_db()
    assert two[0].sources == {"thread": "S"}


def test_a_field_can_be_emptied(desk: Client, two: list[Implant]) -> None:
    look_and_do(desk, IMPLANTS, two, "body", "microthread", body="", microthread="unknown")
    assert set(Implant.objects.values_list("body", flat=True)) == {""}


def test_diameters_are_read_as_people_write_them(desk: Client, two: list[Implant]) -> None:
    look_and_do(desk, IMPLANTS, two, "diameters_mm", diameters_mm="3,5; 4,1")
    two[0].refresh_from_db()
    assert two[0].diameters_mm == [Decimal("3.50"), Decimal("4.10")]


def test_references_get_their_sizes(desk: Client) -> None:
    rows = ReferenceImageFactory.create_batch(3)
    look_and_do(desk, REFERENCES, rows[:2], "diameter_mm", diameter_mm="4,1", length_mm="10")
    found = ReferenceImage.objects.order_by("pk").values_list("diameter_mm", "length_mm")
    assert list(found) == [(Decimal("4.10"), None), (Decimal("4.10"), None), (None, None)]


@pytest.mark.parametrize(
    ("fields", "values"), [((), {"body": "tapered"}), (("body",), {"body": "round"})]
)
def test_nothing_chosen_or_a_bad_value_asks_again(
    desk: Client, two: list[Implant], fields: tuple[str, ...], values: dict[str, str]
) -> None:
    page = send(desk, IMPLANTS, two, *fields, **values)
    assert page.context["step"] == "ask"


def test_what_changed_meanwhile_is_shown_again(desk: Client, two: list[Implant]) -> None:
    seen = send(desk, IMPLANTS, two, "body", body="tapered")
    Implant.objects.filter(pk=two[1].pk).update(body="semi_tapered")

    page = send(desk, IMPLANTS, two, "body", body="tapered", mark=seen.context["mark"])

    assert page.context["step"] == "confirm" and len(page.context["messages"]) == 1
    two[1].refresh_from_db()
    assert two[1].body == "semi_tapered"


def test_back_keeps_what_was_filled_in(desk: Client, two: list[Implant]) -> None:
    page = send(desk, IMPLANTS, two, "thread", thread="dupla", back="")
    ticked = {field.html_name: field.value() for field, on in page.context["fields"] if on}
    assert ticked == {"thread": "dupla"}


def test_history_says_who_changed_what(desk: Client, curator: User, two: list[Implant]) -> None:
    look_and_do(desk, IMPLANTS, two, "body", body="tapered")

    (entry,) = LogEntry.objects.all()
    assert (entry.user, entry.object_id) == (curator, str(two[1].pk))
    assert entry.change_message == "corpo: paralelo → cônico."


def test_readers_change_nothing(two: list[Implant]) -> None:
    reader = logged_in(person("leitora", "Leitores"))
    assert send(reader, IMPLANTS, two, "body", body="tapered").status_code == 403
    assert send(reader, REFERENCES, two, "length_mm", length_mm="1").status_code == 403


def test_the_way_back_leads_to_where_the_rows_were_chosen(desk: Client, two: list[Implant]) -> None:
    gallery = f"/admin/implants/implant/{two[0].pk}/change/#gallery"
    row = ReferenceImageFactory.create(implant=two[0])
    chosen = {"action": "batch", "_selected_action": [row.pk], "next": gallery}
    asked: Any = desk.post(REFERENCES, chosen)
    sent = {"ids": asked.context["ids"], "set_length_mm": "on", "length_mm": "10"}
    seen: Any = desk.post(f"{REFERENCES}batch/", {**sent, "next": asked.context["next"]})
    mark, back = seen.context["mark"], seen.context["next"]

    done = desk.post(f"{REFERENCES}batch/", {**sent, "mark": mark, "next": back})

    assert done.headers["Location"] == gallery
