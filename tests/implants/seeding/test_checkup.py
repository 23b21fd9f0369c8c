"""`check_catalogue`: counts, and every kind of trouble."""

import io
import json
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from implants.catalogue import add_reference
from implants.embedding import embed
from implants.encoders.active import active
from implants.models import Encoder, Implant, ReferenceImage
from implants.region import Region
from tests.factories import ImplantFactory
from tests.implants.conftest import film, stored_name

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "encoder")]


@pytest.fixture
def implant() -> Implant:
    return ImplantFactory.create(manufacturer__name="Neodent")


@pytest.fixture
def references(implant: Implant) -> list[ReferenceImage]:
    """Three sound references of one implant."""
    added = [add_reference(implant, film(seed)).reference for seed in range(3)]
    embed(added, active())
    return added


def check() -> dict[str, Any]:
    """The JSON answer; it must come with a failure exactly if there are problems."""
    answer = io.StringIO()
    failed = False
    try:
        call_command("check_catalogue", "--json", stdout=answer)
    except CommandError:
        failed = True
    checkup: dict[str, Any] = json.loads(answer.getvalue())
    assert failed == bool(checkup["problems"])
    return checkup


def test_check_of_a_sound_catalogue_counts(
    references: list[ReferenceImage], encoder: Encoder
) -> None:
    ReferenceImage.objects.filter(pk=references[0].pk).update(is_demo=True)

    checkup = check()

    assert checkup["problems"] == []
    assert checkup["encoder"] == encoder.name
    assert checkup["vectors"] == 3
    assert checkup["manufacturers"] == [
        {"manufacturer": "Neodent", "implants": 1, "references": 3, "demo_references": 1}
    ]


def test_check_finds_a_reference_without_vector(references: list[ReferenceImage]) -> None:
    references[1].vectors.all().delete()

    assert check()["without_vector"] == [references[1].pk]


def test_check_finds_a_vector_that_is_not_of_length_1(references: list[ReferenceImage]) -> None:
    vector = references[2].vectors.get()
    vector.embedding = 1.01 * np.asarray(vector.embedding)
    vector.save()

    assert check()["not_unit_length"] == [references[2].pk]


def test_check_finds_a_lost_file(references: list[ReferenceImage]) -> None:
    default_storage.delete(stored_name(references[0]))

    assert check()["files_gone"] == [references[0].pk]


def test_check_counts_implants_of_which_no_film_is_marked(
    references: list[ReferenceImage], implant: Implant
) -> None:
    ImplantFactory.create()  # without films it has nothing to mark
    found = check()
    assert (found["implants_unmarked"], found["problems"]) == ([implant.pk], [])
    ReferenceImage.objects.filter(pk=references[1].pk).update(region=[0.1, 0.1, 0.5, 0.5])
    assert check()["implants_unmarked"] == []


def test_check_finds_one_film_of_two_implants(references: list[ReferenceImage]) -> None:
    other = add_reference(ImplantFactory.create(), film(1)).reference
    embed([other], active())

    assert check()["duplicates"] == [[references[1].pk, other.pk]]


def test_check_allows_two_parts_of_a_film(implant: Implant) -> None:
    left = add_reference(implant, film(1), region=Region(0, 0, 0.5, 1)).reference
    right = add_reference(ImplantFactory.create(), film(1), region=Region(0.5, 0, 0.5, 1)).reference
    embed([left, right], active())

    assert check()["problems"] == []


def test_check_without_an_active_encoder_is_a_problem(references: list[ReferenceImage]) -> None:
    Encoder.objects.update(is_active=False)

    assert check()["problems"] == ["No encoder is active."]


def test_check_as_text_names_the_reference(references: list[ReferenceImage]) -> None:
    references[1].vectors.all().delete()
    answer = io.StringIO()

    with pytest.raises(CommandError, match="1 references have no vector"):
        call_command("check_catalogue", stdout=answer)

    assert f"without_vector: 1, ids {references[1].pk}\n" in answer.getvalue()
    assert "Neodent" in answer.getvalue()
