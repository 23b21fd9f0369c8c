"""References go to another implant."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from implants.catalogue import add_reference
from implants.models import Encoder, Implant, ReferenceImage
from implants.moving import move_references
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    ReferenceImageFactory,
    reference_with_vector,
    unit_vector,
)
from tests.implants.conftest import film, stored_name
from tests.people import logged_in, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

MOVE = "/admin/implants/referenceimage/move/"
LIST = "/admin/implants/referenceimage/"


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def blx(db: None) -> Implant:
    return ImplantFactory.create(manufacturer__name="Straumann", name="BLX")


@pytest.fixture
def tlx(blx: Implant) -> Implant:
    return ImplantFactory.create(manufacturer=blx.manufacturer, name="TLX")


@pytest.fixture
def encoder(db: None) -> Encoder:
    return EncoderFactory.create(is_active=True)


def calibrations() -> int:
    jobs = ProcrastinateJob.objects.filter(task_name="cases.refresh_calibration", status="todo")
    return jobs.count()


def test_a_reference_moves_with_its_vector_and_its_file_stays(
    blx: Implant, tlx: Implant, encoder: Encoder, curator: User,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    one = reference_with_vector(unit_vector(1), encoder, blx)
    name, vector = stored_name(one), one.vectors.get()

    with django_capture_on_commit_callbacks(execute=True):
        done = move_references([one.pk], tlx, curator)

    one.refresh_from_db()
    assert (one.implant, stored_name(one)) == (tlx, name)
    assert one.vectors.get() == vector
    assert [moved.pk for moved in done.moved] == [one.pk] and done.known == ()
    assert calibrations() == 1


def test_a_film_that_the_target_has_stays_where_it_is(
    blx: Implant, tlx: Implant, curator: User
) -> None:
    there = ReferenceImageFactory.create(implant=tlx)
    same = ReferenceImageFactory.create(implant=blx, sha256=there.sha256)
    other = ReferenceImageFactory.create(implant=blx)

    done = move_references([same.pk, other.pk, there.pk], tlx, curator)

    same.refresh_from_db()
    assert same.implant == blx
    assert ([one.pk for one in done.moved], [one.pk for one in done.known]) == (
        [other.pk], [same.pk],
    )  # fmt: skip


def test_of_the_same_film_from_two_implants_one_moves(
    blx: Implant, tlx: Implant, curator: User
) -> None:
    first = ReferenceImageFactory.create(implant=blx)
    second = ReferenceImageFactory.create(sha256=first.sha256)

    done = move_references([first.pk, second.pk], tlx, curator)

    assert (len(done.moved), len(done.known)) == (1, 1)
    assert tlx.references.count() == 1


def test_a_film_can_be_added_again_to_the_implant_it_left(
    blx: Implant, tlx: Implant, curator: User
) -> None:
    moved = add_reference(blx, film(1)).reference
    move_references([moved.pk], tlx, curator)

    again = add_reference(blx, film(1))

    assert again.created and again.reference.pk != moved.pk
    moved.refresh_from_db()
    assert moved.implant == tlx


def test_deleting_one_of_two_references_of_a_file_keeps_the_file(
    blx: Implant, tlx: Implant, curator: User, django_capture_on_commit_callbacks: Any
) -> None:
    moved = add_reference(blx, film(1)).reference
    move_references([moved.pk], tlx, curator)
    again = add_reference(blx, film(1)).reference
    assert stored_name(again) == stored_name(moved)
    browser = logged_in(curator)

    for reference, there in ((again, True), (moved, False)):
        with django_capture_on_commit_callbacks(execute=True):
            browser.post(f"{LIST}{reference.pk}/delete/", {"post": "yes"})
        assert default_storage.exists(stored_name(moved)) is there


def test_a_demo_implant_that_gets_a_real_film_is_demo_no_more(blx: Implant, curator: User) -> None:
    demo = ImplantFactory.create(is_demo=True)
    rendered = ReferenceImageFactory.create(implant=blx, is_demo=True)
    real = ReferenceImageFactory.create(implant=blx)

    move_references([rendered.pk], demo, curator)
    demo.refresh_from_db()
    assert demo.is_demo
    move_references([real.pk], demo, curator)
    demo.refresh_from_db()
    assert not demo.is_demo


def test_history_of_the_film_and_of_both_implants_says_who(
    blx: Implant, tlx: Implant, curator: User
) -> None:
    one = ReferenceImageFactory.create(implant=blx)

    move_references([one.pk], tlx, curator)

    said = {entry.get_edited_object(): entry for entry in LogEntry.objects.all()}
    assert set(said) == {one, blx, tlx}
    assert all(entry.user == curator for entry in said.values())
    assert "TLX" in said[blx].change_message
    assert "BLX" in said[tlx].change_message


def test_the_action_asks_where_to_and_the_page_moves(
    blx: Implant, tlx: Implant, curator: User
) -> None:
    rows = ReferenceImageFactory.create_batch(2, implant=blx)
    browser = logged_in(curator)
    chosen = {"action": "move", "_selected_action": [row.pk for row in rows]}

    asked: Any = browser.post(LIST, chosen)
    assert asked.context["count"] == 2 and blx.references.count() == 2
    sent = {"ids": asked.context["ids"], "implant": tlx.pk}
    answer: Any = browser.post(MOVE, sent, follow=True)

    assert tlx.references.count() == 2
    assert next(str(text) for text in answer.context["messages"]).startswith("2 ")


def test_the_page_says_what_stayed(blx: Implant, tlx: Implant, curator: User) -> None:
    there = ReferenceImageFactory.create(implant=tlx)
    same = ReferenceImageFactory.create(implant=blx, sha256=there.sha256)

    answer: Any = logged_in(curator).post(
        MOVE, {"ids": str(same.pk), "implant": tlx.pk}, follow=True
    )

    (said,) = answer.context["messages"]
    assert said.level_tag == "warning" and "Straumann TLX" in str(said)


def test_a_page_without_a_target_asks_again(blx: Implant, curator: User) -> None:
    one = ReferenceImageFactory.create(implant=blx)
    answer = logged_in(curator).post(MOVE, {"ids": str(one.pk), "implant": ""})
    assert answer.status_code == 200 and answer.context["form"].errors


@pytest.mark.parametrize("ids", ["", "x", ",", "-1"])
def test_nothing_chosen_leads_back_to_the_list(curator: User, ids: str) -> None:
    assert logged_in(curator).get(MOVE, {"ids": ids}).headers["Location"] == LIST


def test_readers_move_nothing(blx: Implant, tlx: Implant) -> None:
    one = ReferenceImageFactory.create(implant=blx)
    reader = logged_in(person("leitora", "Leitores"))

    refused = reader.post(MOVE, {"ids": str(one.pk), "implant": tlx.pk})
    reader.post(LIST, {"action": "move", "_selected_action": [one.pk]})

    assert refused.status_code == 403
    assert ReferenceImage.objects.get().implant == blx


def test_the_way_back_leads_to_no_foreign_place(
    blx: Implant, tlx: Implant, client: Client, curator: User
) -> None:
    one = ReferenceImageFactory.create(implant=blx)
    sent = {"ids": str(one.pk), "implant": tlx.pk, "next": "https://example.org/"}
    assert logged_in(curator).post(MOVE, sent).headers["Location"] == LIST
