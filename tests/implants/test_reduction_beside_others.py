"""Reduced vectors stay true while others write at the same time: in real transactions."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from implants import reduction
from implants.models import Encoder, ReducedVector, Reduction, ReferenceImage, ReferenceVector
from tests import database_server
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    reference_with_vector,
    unit_vector,
    with_axes,
)
from tests.implants.test_reduction import assert_true, catalogue
from tests.sandbox.process import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def encoder() -> Encoder:
    return EncoderFactory.create(is_active=True)


def others_wait() -> bool:
    """Whether another session waits for a lock."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(**database_server.place(), dbname=name) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return bool(row and row[0])


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """Another session, with its own transaction."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(**database_server.place(), dbname=name) as session:
        yield session
        session.rollback()


def test_a_vector_that_is_being_written_is_waited_for(
    encoder: Encoder, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = catalogue(encoder)
    reference = ReferenceImage.objects.create(
        implant=ImplantFactory.create(), image="x.png", source_key="x", sha256="0" * 64
    )
    # Its trigger has run, and saw no axes; nobody else sees the row yet.
    other.execute(
        "INSERT INTO reference_vectors (reference_id, encoder_id, embedding, created_at)"
        " SELECT %s, encoder_id, embedding, now() FROM reference_vectors LIMIT 1", [reference.pk],
    )  # fmt: skip
    learned = reduction.principal_axes(vectors)
    waiting = threading.Thread(target=lambda: (wait_for(others_wait), other.commit()))  # type: ignore[func-returns-value]

    def then_commit(_: Any) -> Any:
        waiting.start()
        return learned

    monkeypatch.setattr(reduction, "principal_axes", then_commit)
    assert reduction.reduce_vectors(encoder.pk, vectors)

    waiting.join()
    assert ReducedVector.objects.count() == 101
    assert_true(encoder)


@pytest.mark.parametrize(
    "busy",
    [
        "UPDATE reference_vectors SET created_at = now()",
        "SELECT FROM encoders FOR UPDATE",  # as an encoder is changed; its vectors come next
    ],
)
def test_axes_are_not_learned_where_others_write_all_the_time(
    encoder: Encoder, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    lock = reduction._LOCK_VECTORS.replace(reduction._LOCK_TIMEOUT, "200ms")
    monkeypatch.setattr(reduction, "_LOCK_VECTORS", lock)
    vectors = catalogue(encoder)
    other.execute(busy)

    assert not reduction.reduce_vectors(encoder.pk, vectors)

    assert not Reduction.objects.exists()
    other.execute("UPDATE reference_vectors SET created_at = now()")  # nothing is held
    other.rollback()
    assert reduction.reduce_vectors(encoder.pk, vectors)


def test_whoever_changes_an_encoder_can_write_its_vectors_before_its_axes_are_learned(
    encoder: Encoder, other: psycopg.Connection[Any]
) -> None:
    vectors = catalogue(encoder)
    other.execute("SELECT FROM encoders FOR UPDATE")
    written: list[bool] = []

    def write() -> None:
        wait_for(others_wait)
        other.execute("SET LOCAL lock_timeout = '1s'")
        other.execute("UPDATE reference_vectors SET created_at = now()")
        other.commit()
        written.append(True)

    writing = threading.Thread(target=write)
    writing.start()
    assert reduction.reduce_vectors(encoder.pk, vectors)
    writing.join()
    assert written, "neither waits for what the other holds"
    assert_true(encoder)


def write_while_filling(
    encoder: Encoder, other: psycopg.Connection[Any], statement: str, *parameters: Any
) -> int:
    """Of the first reference, whose id is given back, once its vector was read to be reduced."""
    reduction.reduce_vectors(encoder.pk, catalogue(encoder))
    ReducedVector.objects.filter(encoder=encoder).delete()
    first = int(ReferenceImage.objects.order_by("pk")[0].pk)

    def write() -> None:
        other.execute(statement, [*parameters, first])
        other.commit()

    writing = threading.Thread(target=write)
    with transaction.atomic(), connection.cursor() as cursor:
        facts = {"encoder_id": encoder.pk, "after": 0, "last": first}
        cursor.execute(reduction._FILL, facts)
        writing.start()
        wait_for(others_wait)
    writing.join(10)
    return first


def test_a_vector_that_is_removed_while_it_is_reduced_leaves_nothing(
    encoder: Encoder, other: psycopg.Connection[Any]
) -> None:
    statement = "DELETE FROM reference_vectors WHERE reference_id = %s"
    first = write_while_filling(encoder, other, statement)
    assert not ReferenceVector.objects.filter(reference_id=first).exists()
    assert not ReducedVector.objects.exists()


def test_a_vector_that_changes_while_it_is_reduced_is_reduced_as_it_is_then(
    encoder: Encoder, other: psycopg.Connection[Any]
) -> None:
    statement = "UPDATE reference_vectors SET embedding = %s::vector WHERE reference_id = %s"
    write_while_filling(encoder, other, statement, str(unit_vector(9).tolist()))
    reduction._fill(encoder.pk)
    assert_true(encoder)


def test_what_is_put_back_without_a_search_path_is_reduced(
    encoder: Encoder, other: psycopg.Connection[Any]
) -> None:
    with_axes(encoder)
    reference = reference_with_vector(unit_vector(1), encoder, ImplantFactory.create())
    other.execute("SET search_path = ''")  # as pg_restore does
    other.execute("CREATE TEMP TABLE dump AS SELECT * FROM public.reference_vectors")
    other.execute("DELETE FROM public.reference_vectors")
    other.execute("INSERT INTO public.reference_vectors SELECT * FROM pg_temp.dump")
    other.commit()
    assert ReferenceVector.objects.get().reference_id == reference.pk
    assert_true(encoder)


def test_one_process_at_a_time_reduces(other: psycopg.Connection[Any]) -> None:
    with reduction.alone() as mine:
        assert mine
        lock = other.execute("SELECT pg_try_advisory_lock(%s)", [reduction._LOCK]).fetchone()
        assert lock == (False,)
    other.execute("SELECT pg_advisory_lock(%s)", [reduction._LOCK])
    with reduction.alone() as mine:
        assert not mine
