"""Who changed what in the catalogue, and when, on every way of a change."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from implants.catalogue import Film, add_film, add_reference, change_region
from implants.history import SERVICE, record
from implants.models import Encoder, Implant
from implants.radiograph import open_radiograph
from implants.region import Region
from tests.factories import ImplantFactory, ReferenceImageFactory
from tests.implants.conftest import film, write_film
from tests.people import logged_in, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PAGE = "/admin/implants/implant/changes/"


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def blx(db: None) -> Implant:
    return ImplantFactory.create(manufacturer__name="Straumann", name="BLX")


def only_entry() -> LogEntry:
    return LogEntry.objects.select_related("user").get()


def test_the_form_of_an_implant(blx: Implant, curator: User) -> None:
    sent = {
        "manufacturer": blx.manufacturer_id, "name": "BLX", "sources": "{}",
        "microthread": "unknown", "body": "tapered",
    }  # fmt: skip
    logged_in(curator).post(f"/admin/implants/implant/{blx.pk}/change/", sent)

    entry = only_entry()
    assert (entry.user, entry.action_flag) == (curator, CHANGE)
    assert "orpo" in entry.get_change_message()


def test_the_form_of_a_reference(blx: Implant, curator: User) -> None:
    one = ReferenceImageFactory.create(implant=blx)
    address = f"/admin/implants/referenceimage/{one.pk}/change/"
    logged_in(curator).post(address, {"diameter_mm": "4.1", "length_mm": ""})
    assert (only_entry().user, only_entry().object_id) == (curator, str(one.pk))


def test_a_film_that_somebody_adds(blx: Implant, curator: User) -> None:
    added = add_reference(blx, film(1), actor=curator).reference

    entry = only_entry()
    assert (entry.user, entry.action_flag) == (curator, ADDITION)
    assert entry.object_id == str(added.pk)
    add_reference(blx, film(1), actor=curator)
    assert LogEntry.objects.count() == 1, "it was there already"


def test_films_of_the_demo_are_nobodys_work(blx: Implant) -> None:
    add_film(blx, Film(open_radiograph(film(1))), source_key="demo/1", is_demo=True)
    assert not LogEntry.objects.exists()


def test_films_that_are_seeded(tmp_path: Path, encoder: Encoder) -> None:
    write_film(tmp_path / "straumann" / "blx_01.png", 1)
    call_command("seed_implants", str(tmp_path), stdout=io.StringIO())

    entries = LogEntry.objects.select_related("user")
    kinds = {entry.get_edited_object().__class__.__name__ for entry in entries}
    assert kinds == {"Implant", "ReferenceImage"}
    assert {entry.user.username for entry in entries} == {SERVICE}


def test_the_page_tells_all_of_it_the_newest_first(blx: Implant, curator: User) -> None:
    record(blx, ADDITION, "criado", None)
    record(blx, CHANGE, "mudado", curator)
    record(curator, CHANGE, "gente", curator)

    page: Any = logged_in(person("leitora", "Leitores")).get(PAGE)

    told = [(entry.who, entry.name, entry.what) for entry in page.context["entries"]]
    assert told == [
        ("Curadora", "Straumann BLX", "mudado"), ("o serviço", "Straumann BLX", "criado"),
    ]  # fmt: skip
    assert page.context["entries"][0].address == f"/admin/implants/implant/{blx.pk}/history/"


def test_what_is_gone_has_no_link(blx: Implant, curator: User) -> None:
    record(blx, CHANGE, "mudado", curator)
    blx.delete()
    page: Any = logged_in(curator).get(PAGE)
    assert page.context["entries"][0].address == ""


def test_the_page_takes_a_fixed_number_of_queries(
    blx: Implant, curator: User, django_assert_max_num_queries: Any
) -> None:
    browser = logged_in(curator)
    for row in ReferenceImageFactory.create_batch(30, implant=blx):
        record(row, CHANGE, "mudado", curator)
    browser.get(PAGE)
    with django_assert_max_num_queries(14):
        assert len(browser.get(PAGE).context["entries"]) == 30


def test_the_history_of_an_implant_shows_the_message(blx: Implant, curator: User) -> None:
    record(blx, CHANGE, "Movida de A para B.", curator)
    page = logged_in(curator).get(f"/admin/implants/implant/{blx.pk}/history/")
    assert "Movida de A para B." in page.content.decode()


def test_strangers_see_no_changes(blx: Implant) -> None:
    assert logged_in(person("ninguém")).get(PAGE).status_code == 403


def test_the_upload_desk_says_who_added_a_film(
    blx: Implant, curator: User, encoder: Encoder
) -> None:
    sent = {"file": SimpleUploadedFile("x.png", film(1)), "region": "", "ticket": ""}
    answer = logged_in(curator).post(f"/admin/implants/implant/{blx.pk}/films/save/", sent)

    assert answer.status_code == 200, answer.content
    assert (only_entry().user, only_entry().action_flag) == (curator, ADDITION)


def test_a_region_that_is_marked_anew_says_who(blx: Implant, curator: User) -> None:
    one = ReferenceImageFactory.create(implant=blx)
    assert change_region(one, Region(0.1, 0.1, 0.5, 0.5), curator)
    assert (only_entry().user, only_entry().action_flag) == (curator, CHANGE)
