"""The table of vectors in partitions and back: the same rows, answers, constraints and names."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models, transaction

from implants import partitioning
from implants.models import Encoder, ReferenceImage, ReferenceVector
from implants.search import Candidate, search
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    reference_with_vector,
    unit_vector,
)
from tests.implants.test_search import INDEX, fill, plans

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = 4


@pytest.fixture(autouse=True)
def _whole_again() -> Iterator[None]:
    yield
    if partitioning.partitions():
        partitioning.convert(0, quiet)


def quiet(what: str, done: int, total: int) -> None:
    """No bar."""


def rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return list(cursor.fetchall())


def content() -> list[tuple[Any, ...]]:
    return rows(
        "SELECT id, reference_id, encoder_id, created_at, embedding::text"
        " FROM reference_vectors ORDER BY id"
    )


def shape() -> dict[str, Any]:
    """What Django's migrations and its schema editor go by."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "reference_vectors")
        columns = connection.introspection.get_table_description(cursor, "reference_vectors")
        sequences = connection.introspection.get_sequences(cursor, "reference_vectors")
    for constraint in found.values():
        constraint.pop("definition", None)
    described = [(column.name, column.type_code, column.null_ok) for column in columns]
    return {"constraints": found, "columns": described, "sequences": sequences}


@pytest.fixture
def encoder() -> Encoder:
    """400 references of 40 implants, and another encoder's vectors of a few of them."""
    encoder, other = EncoderFactory.create(is_active=True), EncoderFactory.create()
    implants = ImplantFactory.create_batch(40)
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(40, 512))
    vectors = centres[np.arange(400) % 40] + 0.5 * rng.normal(size=(400, 512))
    fill(encoder, vectors.astype(np.float32), implants)
    for reference in ReferenceImage.objects.order_by("pk")[:20]:
        ReferenceVector.objects.create(
            reference=reference, encoder=other, embedding=unit_vector(reference.pk)
        )
    return encoder


def answers(encoder: Encoder) -> list[list[Candidate]]:
    asked = [unit_vector(number) for number in range(20)]
    asked += [
        row.embedding for row in ReferenceVector.objects.filter(encoder=encoder).order_by("pk")[:20]
    ]
    return [search(np.asarray(query, np.float32), encoder_id=encoder.pk) for query in asked]


def test_partitions_hold_the_same_and_answer_the_same(encoder: Encoder, settings: Any) -> None:
    settings.EXACT_SEARCH_LIMIT = 10**6
    stored, found, before = content(), answers(encoder), shape()

    call_command("partition_vectors", "--partitions", str(PARTS))

    assert partitioning.partitions() == PARTS
    assert content() == stored
    assert answers(encoder) == found
    sizes = [rows(f"SELECT count(*) FROM reference_vectors_p{n}")[0][0] for n in range(PARTS)]  # noqa: S608
    assert sum(sizes) == len(stored)
    assert min(sizes) > 0
    after = shape()
    assert after["constraints"].pop("reference_vectors_pkey")["columns"] == ["id", "reference_id"]
    whole = {name: each for name, each in before["constraints"].items() if "pkey" not in name}
    assert after["constraints"] == whole
    assert after["columns"] == before["columns"]
    assert after["sequences"] == before["sequences"]
    stored_inline = "SELECT DISTINCT attstorage::text FROM pg_attribute WHERE attname = 'embedding'"
    inline = f"{stored_inline} AND attrelid::regclass::text ~ '^reference_vectors(_p.)?$'"
    assert rows(inline) == [("p",)]

    call_command("partition_vectors", "--whole")

    assert partitioning.partitions() == 0
    assert content() == stored
    assert answers(encoder) == found
    assert shape() == before
    assert leftovers() == 0


def leftovers() -> int:
    """Relations, functions and triggers that only a conversion needs, or old partitions."""
    ((count,),) = rows(
        "SELECT (SELECT count(*) FROM pg_class"
        "  WHERE relname ~ '^reference_vectors_(new|changes|p\\d)')"
        " + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'reference_vectors%')"
        " + (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'reference_vectors%')"
    )
    return int(count)


def test_number_of_partitions_can_be_changed(encoder: Encoder) -> None:
    stored = content()
    for count in (2, 5):
        partitioning.convert(count, quiet)
        assert partitioning.partitions() == count
        assert content() == stored
    names = rows("SELECT relname FROM pg_class WHERE relname ~ '^reference_vectors_new'")
    assert names == []


def test_search_by_index_asks_all_partitions_and_merges(encoder: Encoder, settings: Any) -> None:
    settings.EXACT_SEARCH_LIMIT = 10**6
    right = answers(encoder)
    partitioning.convert(PARTS, quiet)
    settings.EXACT_SEARCH_LIMIT = 0
    found: list[list[Candidate]] = []

    plan = plans(lambda: found.extend(answers(encoder)))

    queries = len(right)
    assert plan.count("Merge Append") == queries
    for number in range(PARTS):
        assert plan.count(f"Index Scan using {INDEX}_p{number}") == queries
    assert "Seq Scan on reference_vectors" not in plan
    hits = sum(
        len({one.implant_id for one in given} & {one.implant_id for one in wanted})
        for given, wanted in zip(found, right, strict=True)
    )
    assert hits / sum(map(len, right)) > 0.99


def test_partitions_keep_what_must_be_unique_and_what_must_be_there(encoder: Encoder) -> None:
    partitioning.convert(PARTS, quiet)
    vector = ReferenceVector.objects.select_related("reference").earliest("pk")

    again = ReferenceVector(
        reference=vector.reference, encoder_id=vector.encoder_id, embedding=unit_vector(1)
    )
    with pytest.raises(IntegrityError, match="reference_id_encoder_id"), transaction.atomic():
        again.save()
    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        ReferenceVector.objects.create(
            reference_id=10**9, encoder_id=vector.encoder_id, embedding=unit_vector(1)
        )
    again.pk = None
    ReferenceVector.objects.bulk_create(
        [again], update_conflicts=True, unique_fields=["reference", "encoder"],
        update_fields=["embedding"],
    )  # fmt: skip
    vector.refresh_from_db()
    assert np.allclose(vector.embedding, unit_vector(1))

    new = reference_with_vector(unit_vector(3), encoder, ImplantFactory.create())
    assert new.vectors.get().pk > max(row[0] for row in content()[:-1])
    vector.reference.delete()
    assert not ReferenceVector.objects.filter(reference_id=vector.reference_id).exists()


def test_later_migrations_work_on_partitions(encoder: Encoder) -> None:
    partitioning.convert(PARTS, quiet)
    field = models.CharField(max_length=10, default="", db_default="")
    field.set_attributes_from_name("remark")
    field.model = ReferenceVector
    index = models.Index(fields=["created_at"], name="reference_vectors_created")
    with connection.schema_editor() as editor:
        editor.add_field(ReferenceVector, field)
        editor.add_index(ReferenceVector, index)
    with connection.schema_editor() as editor:
        editor.remove_index(ReferenceVector, index)
        editor.remove_field(ReferenceVector, field)
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    call_command("migrate", verbosity=0)


def test_what_changes_meanwhile_is_in_the_new_table(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = partitioning._index

    def others_work(shape: Any, progress: Any) -> None:
        """When all is copied, and not yet indexed, by another connection."""
        thread = threading.Thread(target=change)
        thread.start()
        thread.join(30)
        wanted(shape, progress)

    def change() -> None:
        added.append(reference_with_vector(unit_vector(77), encoder, ImplantFactory.create()).pk)
        first, second = ReferenceImage.objects.order_by("pk")[:2]
        first.delete()
        second.vectors.filter(encoder=encoder).update(embedding=unit_vector(78))
        changed.append(second.pk)
        stored.extend(content())
        connection.close()

    added: list[int] = []
    changed: list[int] = []
    stored: list[tuple[Any, ...]] = []
    monkeypatch.setattr(partitioning, "_index", others_work)

    partitioning.convert(PARTS, quiet)

    assert content() == stored
    for number, reference in ((77, added[0]), (78, changed[0])):
        assert search(unit_vector(number), encoder_id=encoder.pk)[0].reference_id == reference


def test_interrupted_it_leaves_the_table_as_it_was(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, before = content(), shape()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    for step in ("_index", "_replace"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(partitioning, step, interrupted)
            partitioning.convert(PARTS, quiet)
        assert (content(), shape(), leftovers()) == (stored, before, 0)


def test_what_a_killed_run_left_is_removed(encoder: Encoder) -> None:
    for again in (("--partitions", str(PARTS)), ("--partitions", str(PARTS)), ("--whole",)):
        with connection.cursor() as cursor:
            cursor.execute(partitioning._NOTE_CHANGES)
        partitioning._create(2)
        call_command("partition_vectors", *again)
        left = rows("SELECT 1 FROM pg_class WHERE relname ~ '^reference_vectors_(new|changes)'")
        assert left == []


@pytest.fixture
def other_session() -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else."""
    place = connection.get_connection_params()
    own = {key: place[key] for key in ("dbname", "host", "port", "user") if key in place}
    with psycopg.connect(**own) as other:
        yield other


def test_it_gives_up_while_somebody_reads_for_long(
    encoder: Encoder, other_session: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioning, "_ATTEMPTS", 2)
    monkeypatch.setattr(partitioning, "_LOCK_TIMEOUT", "100ms")
    other_session.execute("SELECT count(*) FROM reference_vectors")
    attempts: list[int] = []

    def seen(what: str, done: int, total: int) -> None:
        if what == "changing over":
            attempts.append(done)
            if done == 1:  # the lock was not waited for: readers got through
                assert ReferenceVector.objects.count() == 420

    with pytest.raises(CommandError, match="in use all the time"):
        monkeypatch.setattr(partitioning.time, "sleep", lambda _: None)
        convert_by_command(monkeypatch, seen)
    assert attempts == [0, 1]
    other_session.rollback()
    assert partitioning.partitions() == 0


def convert_by_command(monkeypatch: pytest.MonkeyPatch, seen: Any) -> None:
    from implants.management.commands.partition_vectors import _Bars

    monkeypatch.setattr(_Bars, "show", lambda _, *told: seen(*told))
    call_command("partition_vectors", "--partitions", str(PARTS))


def test_two_conversions_at_a_time_are_refused(other_session: psycopg.Connection[Any]) -> None:
    other_session.execute("SELECT pg_advisory_lock(%s)", [partitioning._LOCK])
    with pytest.raises(CommandError, match="Another process"):
        call_command("partition_vectors", "--partitions", "2")


def test_what_can_not_be_kept_is_refused() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE pointing (vector_id bigint REFERENCES reference_vectors)")
        try:
            with pytest.raises(CommandError, match=r"A foreign key points to .*: pointing"):
                call_command("partition_vectors", "--partitions", "2")
        finally:
            cursor.execute("DROP TABLE pointing")


def test_rights_that_were_given_stay() -> None:
    given = "SELECT has_table_privilege('raiox_reads', 'reference_vectors', 'SELECT')"
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE raiox_reads; GRANT SELECT ON reference_vectors TO raiox_reads")
    try:
        partitioning.convert(PARTS, quiet)
        assert rows(given) == [(True,)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP OWNED BY raiox_reads; DROP ROLE raiox_reads")


@pytest.mark.parametrize("number", ["0", "1", "65", "many"])
def test_numbers_that_make_no_sense_are_refused(number: str) -> None:
    with pytest.raises(CommandError, match="from 2 to 64"):
        call_command("partition_vectors", "--partitions", number)


def test_nothing_is_done_twice(capsys: Any) -> None:
    call_command("partition_vectors", "--whole")
    assert "Nothing to do: the table is whole already." in capsys.readouterr().out
