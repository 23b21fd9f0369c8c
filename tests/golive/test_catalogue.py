"""Is there something true to compare with, and is it found."""

import hashlib
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from implants.models import Encoder, Implant, ReferenceImage, ReferenceVector
from raiox.golive import catalogue as checks
from raiox.golive.line import Plan, Status

PLAN = Plan(url="http://127.0.0.1:1")


@pytest.mark.django_db
def test_catalogue_that_is_empty(encoder: Encoder) -> None:
    assert checks.filled(PLAN).status == Status.FAIL
    assert checks.top_three(PLAN).status == Status.FAIL


@pytest.mark.django_db
def test_catalogue_that_is_filled(catalogue: Encoder) -> None:
    line = checks.filled(PLAN)
    assert (line.status, line.seen) == (Status.OK, "5 implants, 10 references, all of them searchable")  # fmt: skip  # noqa: E501
    ReferenceVector.objects.order_by("pk")[0].delete()
    line = checks.filled(PLAN)
    assert (line.status, "1 can't be found yet" in line.seen) == (Status.WARN, True)
    ReferenceVector.objects.all().delete()
    assert checks.filled(PLAN).status == Status.FAIL


@pytest.mark.django_db
def test_catalogue_with_something_of_the_demo(catalogue: Encoder) -> None:
    Implant.objects.filter(pk=Implant.objects.order_by("pk")[0].pk).update(is_demo=True)
    line = checks.filled(PLAN)
    assert (line.status, "1 of them are demo" in line.seen) == (Status.FAIL, True)


def test_known_references_come_first(plan: Plan, catalogue: Encoder) -> None:
    line = checks.top_three(replace(plan, references=8))
    assert line.status == Status.OK, line
    assert line.seen == "of 8 references 8 come first, 8 in three"
    assert not User.objects.filter(username=checks.ACCOUNT).exists()


def test_references_are_encoded_anew(plan: Plan, catalogue: Encoder) -> None:
    """With turned vectors each is the least similar to its own: a look-up would not notice.

    The films lie in storage as they were received, as those of a bucket of references do.
    """
    for reference in ReferenceImage.objects.all():
        with reference.image.open() as film:
            reference.sha256 = hashlib.sha256(film.read()).hexdigest()
        reference.save()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reference_vectors"
            " SET embedding = embedding * array_fill(-1, ARRAY[512])::vector"
        )
    line = checks.top_three(replace(plan, references=5))
    assert line.status == Status.FAIL
    assert "missed:" in line.seen


def test_a_second_implant_with_the_same_film_is_told(plan: Plan, catalogue: Encoder) -> None:
    """The lower id comes first of two that are equally near."""
    first, second = ReferenceVector.objects.order_by("reference_id")[:3:2]
    ReferenceVector.objects.filter(reference__implant=second.reference.implant).update(
        embedding=first.embedding
    )
    second.reference.image.storage.delete(second.reference.image.name)
    with first.reference.image.open() as film:
        second.reference.image.storage.save(second.reference.image.name, film)
    twin = second.reference.implant.references.exclude(pk=second.reference_id).get()
    twin.delete()
    line = checks.top_three(replace(plan, references=5))
    assert (line.status, line.seen) == (Status.WARN, "of 5 references 4 come first, 5 in three")


def test_service_that_refuses_the_search(
    plan: Plan, catalogue: Encoder, live_server: LiveServer
) -> None:
    elsewhere = replace(plan, url=f"{live_server.url}/nowhere")
    with pytest.raises(ValueError, match="search answers 404"):
        checks.top_three(elsewhere)
    assert not User.objects.filter(username=checks.ACCOUNT).exists()
