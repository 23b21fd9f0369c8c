"""Import and export as curators meet them in the admin."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from implants.exchange.tables import read_table
from implants.models import Implant, Manufacturer
from tests.factories import ImplantFactory
from tests.implants.exchange.conftest import csv_of
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db

IMPORT = "/admin/implants/implant/import/"
EXPORT = "/admin/implants/implant/export/"


@pytest.fixture
def desk(db: None) -> Client:
    return logged_in(person("curadora", "Curadores"))


@pytest.fixture
def reader(db: None) -> Client:
    return logged_in(person("leitora", "Leitores"))


def send(desk: Client, data: bytes, name: str = "sistemas.csv") -> Any:
    return desk.post(IMPORT, {"file": SimpleUploadedFile(name, data)})


def confirm(desk: Client, page: Any) -> Any:
    sent = {"key": page.context["key"], "mark": page.context["preview"].mark}
    return desk.post(IMPORT, sent, follow=True)


def test_a_file_is_looked_at_and_then_imported(desk: Client) -> None:
    page = send(desk, csv_of(("Fabricante", "Nome", "Nível"), ("Acme", "Um", "osso")))
    assert not page.context["preview"].problems or page.context["preview"].problems[0].label
    page = send(desk, csv_of(("Fabricante", "Nome", "Nível"), ("Acme", "Um", "bone")))
    assert not Implant.objects.exists()

    answer = confirm(desk, page)

    assert Implant.objects.get().level == "bone"
    assert any("1" in str(message) for message in answer.context["messages"])


def test_a_preview_is_of_one_use_and_of_one_person(desk: Client) -> None:
    page = send(desk, csv_of(("Fabricante", "Nome"), ("Acme", "Um")))
    other = logged_in(person("outra", "Curadores"))
    assert "expir" in str(next(iter(confirm(other, page).context["messages"])))
    assert not Implant.objects.exists()
    confirm(desk, page)
    Implant.objects.all().delete()
    assert "expir" in str(next(iter(confirm(desk, page).context["messages"])))
    assert not Implant.objects.exists()


def test_a_catalogue_that_changed_shows_the_new_preview(desk: Client) -> None:
    page = send(desk, csv_of(("Fabricante", "Nome"), ("Acme", "Um")))
    ImplantFactory.create(manufacturer=Manufacturer.objects.create(name="Acme"), name="Um")

    answer = confirm(desk, page)

    assert answer.context["preview"].unchanged == 1
    assert len(answer.context["messages"]) == 1


def test_a_refused_file_says_why(desk: Client) -> None:
    page = send(desk, b"x", "sistemas.ods")
    assert page.context["form"].errors["file"] and "preview" not in page.context


def test_readers_may_export_but_not_import(reader: Client) -> None:
    assert reader.get(IMPORT).status_code == 403
    assert send(reader, csv_of(("Fabricante", "Nome"), ("Acme", "Um"))).status_code == 403
    assert reader.get(f"{EXPORT}csv/").status_code == 200
    assert IMPORT not in reader.get("/admin/implants/implant/").content.decode()


@pytest.mark.parametrize("missing", ["add_implant", "change_implant"])
def test_an_import_needs_both_permissions(missing: str) -> None:
    from django.contrib.auth.models import Permission

    user = person("quase")
    names = {"add_implant", "change_implant", "view_implant"} - {missing}
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    assert logged_in(user).get(IMPORT).status_code == 403


def test_people_outside_the_staff_export_nothing(client: Client) -> None:
    assert client.get(f"{EXPORT}csv/").status_code == 302


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_holds_what_the_list_shows(desk: Client, kind: str) -> None:
    ImplantFactory.create(name="Um", body="tapered")
    ImplantFactory.create(name="Dois", connection="conical")

    answer = desk.get(f"{EXPORT}{kind}/?q=Um")

    assert answer["Content-Disposition"].endswith(f'.{kind}"')
    table = read_table(f"x.{kind}", answer.content)
    assert [row[2] for row in table.rows] == ["Um"]
    assert table.head[0] == "Fabricante" and "cônico" in table.rows[0]


@pytest.mark.parametrize("kind", ["json", "xls", "html"])
def test_no_other_format_is_offered(desk: Client, kind: str) -> None:
    assert desk.get(f"{EXPORT}{kind}/").status_code == 404


def test_pages_have_no_inline_code(desk: Client) -> None:
    page = send(desk, csv_of(("Fabricante", "Nome"), ("Acme", "Um"))).content.decode()
    body = page[page.index('id="content-main"') :]
    assert "style=" not in body and "onclick" not in body and "<script>" not in body
