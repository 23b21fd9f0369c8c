"""References that resemble another implant more than their own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from implants.calibration import keeping
from implants.leave_one_out import CatalogueVectors
from implants.models import ConfirmedLabel, Encoder, Implant, ReferenceImage, Suspicion
from implants.moving import move_references
from implants.suspects import (
    confirm,
    keep_suspicions,
    open_suspicions,
    suspicious,
)
from tests.factories import EncoderFactory, ImplantFactory, reference_with_vector, unit_vector
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db

PAGE = "/admin/implants/referenceimage/suspects/"


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def encoder(db: None) -> Encoder:
    return EncoderFactory.create(is_active=True)


@pytest.fixture
def add(encoder: Encoder) -> Any:
    """A film of an implant, close to a direction: `add(implant, seed, number)`."""

    def make(implant: Implant, around: int, number: int) -> ReferenceImage:
        vector = unit_vector(around) + 0.5 * unit_vector(1000 + number)
        return reference_with_vector(vector / np.linalg.norm(vector), encoder, implant)

    return make


@pytest.fixture
def blx(add: Any) -> Implant:
    implant = ImplantFactory.create(manufacturer__name="Straumann", name="BLX")
    for number in range(5):
        add(implant, 1, number)
    return implant


@pytest.fixture
def tlx(blx: Implant, add: Any) -> Implant:
    implant = ImplantFactory.create(manufacturer=blx.manufacturer, name="TLX")
    for number in range(10, 15):
        add(implant, 2, number)
    return implant


@pytest.fixture
def wrong(tlx: Implant, add: Any) -> ReferenceImage:
    """Filed as TLX, looks like a BLX."""
    found: ReferenceImage = add(tlx, 1, 20)
    return found


def found_in(encoder: Encoder) -> list[Any]:
    return suspicious(CatalogueVectors.load(encoder.pk))


def keep(encoder: Encoder) -> list[Suspicion]:
    keep_suspicions(encoder.pk, found_in(encoder))
    return open_suspicions(encoder.pk)


def test_the_wrong_label_alone_is_found(
    encoder: Encoder, blx: Implant, wrong: ReferenceImage
) -> None:
    (vote,) = found_in(encoder)

    assert vote.reference_id == wrong.pk
    assert ReferenceImage.objects.get(pk=vote.neighbour_id).implant == blx
    assert (vote.strength, vote.strangers, vote.voters) == (1.0, 5, 5)
    assert 0.6 < vote.similarity < 0.95


def test_a_look_alike_is_less_suspicious_than_a_stranger(
    encoder: Encoder, blx: Implant, tlx: Implant, wrong: ReferenceImage, add: Any
) -> None:
    other = ImplantFactory.create(name="Outro")
    for number in range(40, 45):
        add(other, 4, number)
    odd = add(other, 2, 30)
    Implant.objects.filter(pk__in=[blx.pk, tlx.pk]).update(look_alike_group="cone")

    votes = found_in(encoder)

    assert [(vote.reference_id, vote.strength) for vote in votes] == [
        (odd.pk, 1.0), (wrong.pk, 0.5),
    ]  # fmt: skip


def test_a_film_that_documents_two_implants_is_not_its_own_neighbour(
    encoder: Encoder, blx: Implant, tlx: Implant, add: Any
) -> None:
    film = blx.references.order_by("pk")[0]
    twin = add(tlx, 2, 50)
    twin.vectors.update(embedding=film.vectors.get().embedding)
    ReferenceImage.objects.filter(pk=twin.pk).update(sha256=film.sha256)

    neighbours = {vote.reference_id: vote.neighbour_id for vote in found_in(encoder)}

    assert neighbours.get(twin.pk) != film.pk and film.pk not in neighbours


def test_an_only_film_is_suspected_as_a_copy_and_not_else(
    encoder: Encoder, blx: Implant, add: Any
) -> None:
    single = ImplantFactory.create(name="Único")
    only = add(single, 1, 60)
    assert found_in(encoder) == []

    near = blx.references.order_by("pk")[0].vectors.get().embedding
    only.vectors.update(embedding=near)
    assert [vote.reference_id for vote in found_in(encoder)] == [only.pk]


def test_blocks_find_what_one_pass_finds(
    encoder: Encoder, wrong: ReferenceImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen() -> list[Any]:
        return [replace(vote, similarity=round(vote.similarity, 5)) for vote in found_in(encoder)]

    whole = seen()
    monkeypatch.setattr("implants.leave_one_out._BLOCK_BYTES", 1)
    assert seen() == whole != []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_small_catalogue_is_no_trouble(encoder: Encoder, add: Any, count: int) -> None:
    for number in range(count):
        add(ImplantFactory.create(), number, number)
    assert found_in(encoder) == []


def test_the_worker_keeps_them_with_the_calibration(
    encoder: Encoder, wrong: ReferenceImage
) -> None:
    assert keeping.refresh(encoder, [])
    assert [one.reference for one in open_suspicions(encoder.pk)] == [wrong]


def test_what_was_deleted_meanwhile_is_left_out(encoder: Encoder, wrong: ReferenceImage) -> None:
    votes = found_in(encoder)
    wrong.delete()
    keep_suspicions(encoder.pk, votes)
    assert not Suspicion.objects.exists()


def test_a_confirmed_label_is_not_shown_until_one_of_the_two_changes(
    encoder: Encoder, wrong: ReferenceImage, curator: User
) -> None:
    (one,) = keep(encoder)
    confirm(one, curator)
    assert keep(encoder) == []
    assert ConfirmedLabel.objects.get().confirmed_by == curator

    ReferenceImage.objects.filter(pk=one.neighbour_id).update(region=[0.1, 0.1, 0.5, 0.5])
    assert [again.reference for again in keep(encoder)] == [wrong]
    confirm(keep(encoder)[0], curator)
    assert keep(encoder) == []

    third = ImplantFactory.create()
    ReferenceImage.objects.filter(pk=wrong.pk).update(implant=third)
    Suspicion.objects.filter(reference=wrong).delete()
    Suspicion.objects.create(
        encoder=encoder, reference=wrong, neighbour_id=one.neighbour_id, strength=1,
        strangers=5, voters=5, similarity=0.9,
    )  # fmt: skip
    assert len(open_suspicions(encoder.pk)) == 1


def test_a_moved_reference_leaves_the_list_at_once(
    encoder: Encoder, blx: Implant, wrong: ReferenceImage, curator: User
) -> None:
    keep(encoder)
    move_references([wrong.pk], blx, curator)
    assert open_suspicions(encoder.pk) == []


def test_what_was_said_of_the_old_label_is_not_said_of_a_third(
    encoder: Encoder, wrong: ReferenceImage, curator: User
) -> None:
    keep(encoder)
    move_references([wrong.pk], ImplantFactory.create(), curator)
    assert open_suspicions(encoder.pk) == []


def test_reading_the_list_takes_two_queries(
    encoder: Encoder, wrong: ReferenceImage, django_assert_num_queries: Any
) -> None:
    keep(encoder)
    with django_assert_num_queries(2):
        for one in open_suspicions(encoder.pk):
            assert str(one.reference.implant) and str(one.neighbour.implant)


def act(browser: Client, one: Suspicion, what: str) -> Any:
    return browser.post(f"{PAGE}{one.pk}/", {"do": what, "next": f"{PAGE}?p=1"})


def test_the_page_moves_to_the_neighbours_implant(
    encoder: Encoder, blx: Implant, wrong: ReferenceImage, curator: User
) -> None:
    (one,) = keep(encoder)
    answer = act(logged_in(curator), one, "move")

    wrong.refresh_from_db()
    assert wrong.implant == blx and answer.headers["Location"] == f"{PAGE}?p=1"


def test_the_page_keeps_a_label_that_is_right_and_history_says_so(
    encoder: Encoder, wrong: ReferenceImage, curator: User
) -> None:
    (one,) = keep(encoder)
    act(logged_in(curator), one, "right")

    assert open_suspicions(encoder.pk) == []
    assert LogEntry.objects.get(object_id=str(wrong.pk)).user == curator


def test_after_a_deletion_the_page_comes_back(
    encoder: Encoder, wrong: ReferenceImage, curator: User, media: Any
) -> None:
    keep(encoder)
    address = f"/admin/implants/referenceimage/{wrong.pk}/delete/?next={PAGE}%3Fp%3D1"
    answer = logged_in(curator).post(address, {"post": "yes"})
    assert answer.headers["Location"] == f"{PAGE}?p=1"


def test_readers_look_and_change_nothing(encoder: Encoder, wrong: ReferenceImage) -> None:
    (one,) = keep(encoder)
    reader = logged_in(person("leitora", "Leitores"))

    page = reader.get(PAGE).content.decode()

    assert "Straumann TLX" in page and f"{PAGE}{one.pk}/" not in page
    assert act(reader, one, "move").status_code == 403
    assert act(reader, one, "right").status_code == 403


def test_nothing_is_done_by_looking(encoder: Encoder, wrong: ReferenceImage, curator: User) -> None:
    (one,) = keep(encoder)
    assert logged_in(curator).get(f"{PAGE}{one.pk}/").status_code == 405


def test_the_page_works_without_an_encoder(curator: User) -> None:
    assert logged_in(curator).get(PAGE).status_code == 200
