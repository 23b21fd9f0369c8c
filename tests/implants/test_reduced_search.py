"""Search above the limit: all reduced vectors are looked at, while they are known to be true."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from implants import reduction
from implants import search as search_module
from implants.models import Encoder, ReferenceImage, ReferenceVector
from implants.search import search
from tests.factories import EncoderFactory, unit_vector
from tests.implants.test_reduction import catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def encoder() -> Encoder:
    return EncoderFactory.create(is_active=True)


def searched(encoder: Encoder, settings: Any, implants: int, films: int) -> Encoder:
    """So many references whose reduced vectors are searched, and the planner knows of them."""
    with connection.cursor() as cursor:  # comes back with the transaction; building it takes long
        cursor.execute("DROP INDEX reference_vectors_half_hnsw")
    vectors = catalogue(encoder, implants, films)
    reduction.reduce_vectors(encoder.pk, vectors)
    reduction.keep_depth(encoder.pk, 200, implants * films)
    with connection.cursor() as cursor:
        for table in ("reference_vectors", "reference_images", "reduced_vectors"):
            cursor.execute(f"ANALYZE {table}")
    settings.EXACT_SEARCH_LIMIT = implants * films - 1
    return encoder


@pytest.fixture
def large(encoder: Encoder, settings: Any) -> Encoder:
    """3,000 references of 600 implants."""
    return searched(encoder, settings, implants=600, films=5)


def questions(encoder: Encoder) -> list[np.ndarray]:
    rows = ReferenceVector.objects.filter(encoder=encoder).order_by("pk")[:20]
    return [np.asarray(row.embedding, np.float32) for row in rows]


@contextmanager
def looked_at(*, analyze: str = "") -> Iterator[list[str]]:
    """The plans of the statements that look for the nearest ones."""
    seen: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "looked_at" in sql or "ORDER BY distance, v.reference_id" in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN ({analyze}COSTS OFF) {sql}", params)
                seen.append("\n".join(line for (line,) in cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield seen


def test_search_looks_at_all_reduced_vectors_and_compares_the_nearest_in_full(
    large: Encoder,
) -> None:
    asked = questions(large)

    with looked_at(analyze="ANALYZE, ") as plans:
        found = [search(one, encoder_id=large.pk) for one in asked]

    # Rarely the first statement is not enough: it goes by a sample of rows, wherever they lie.
    assert len(asked) <= len(plans) <= len(asked) + 2
    for plan in plans[:1]:
        (removed,) = re.findall(
            r"Seq Scan on reduced_vectors v.*\n.*\n +Rows Removed by Filter: (\d+)", plan
        )
        assert int(removed) > 1000, "most are not even sorted"
        (compared,) = re.findall(r"Index Scan using \S+ on reference_vectors f.*loops=(\d+)", plan)
        assert 100 <= int(compared) <= 200
        assert "Seq Scan on reference_vectors" not in plan
        assert re.search(
            r"Index (Only )?Scan using reduced_vectors_sample on reduced_vectors s", plan
        )
    exact = [search(one, encoder_id=large.pk, exact_limit=10**6) for one in asked]
    assert [each[0] for each in found] == [each[0] for each in exact]


def test_sample_does_not_keep_step_with_the_films_of_implants() -> None:
    """Where each implant has five films in the same order, each is of another kind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_expr(indpred, indrelid) FROM pg_index"
            " WHERE indexrelid = 'reduced_vectors_sample'::regclass"
        )
        ((predicate,),) = cursor.fetchall()
        # Of ids that are always the same: those of a test's rows depend on the tests before it.
        ids = f"FROM generate_series(1, 100000) AS numbers (reference_id) WHERE {predicate}"
        cursor.execute(f"SELECT count(*) {ids} GROUP BY reference_id % 5")
        counts = [count for (count,) in cursor.fetchall()]
    assert len(counts) == 5
    assert counts == pytest.approx([100_000 / 50 / 5] * 5, rel=0.2)


def test_one_process_helps_to_look_at_a_large_catalogue(large: Encoder) -> None:
    asked = questions(large)[:5]
    alone = [search(one, encoder_id=large.pk) for one in asked]
    with connection.cursor() as cursor:  # as if these were 100,000
        cursor.execute("SET LOCAL min_parallel_table_scan_size = 0")
        cursor.execute("SET LOCAL parallel_setup_cost = 0")
        cursor.execute("SET LOCAL parallel_tuple_cost = 0")

    with looked_at() as plans:
        helped = [search(one, encoder_id=large.pk) for one in asked]

    # With costs of nothing the sample may get a helper of its own, as the statistics happen to be.
    assert set(re.findall(r"Workers Planned: (\d+)", plans[0])) == {"1"}
    assert "Parallel Seq Scan on reduced_vectors v" in plans[0]
    assert helped == alone


@pytest.mark.parametrize(("bound", "statements"), [("-0.9", 2), ("infinity", 1)])
def test_search_goes_on_where_the_sample_lies_too_near(
    large: Encoder, monkeypatch: pytest.MonkeyPatch, bound: str, statements: int
) -> None:
    # Too small a sample tells nothing; of one full of films of the implant it would be too much.
    none = search_module._NEAR_ENOUGH.replace("OFFSET 3 *", "OFFSET 1000 *")
    assert none != search_module._NEAR_ENOUGH
    monkeypatch.setattr(search_module, "_NEAR_ENOUGH", none.replace("infinity", bound))
    asked = questions(large)[:5]

    with looked_at() as plans:
        found = [search(one, encoder_id=large.pk)[0] for one in asked]

    assert len(plans) == statements * len(asked)
    assert all("on reduced_vectors v" in plan for plan in plans), "all are not compared in full"
    assert found == [search(one, encoder_id=large.pk, exact_limit=10**6)[0] for one in asked]


def test_search_of_one_manufacturer_does_not_go_by_a_sample_of_all(
    large: Encoder, settings: Any
) -> None:
    (asked, *_) = questions(large)
    (best, *_) = search(asked, encoder_id=large.pk)
    maker = ReferenceImage.objects.get(pk=best.reference_id).implant.manufacturer_id

    with looked_at() as plans:
        (found,) = search(asked, encoder_id=large.pk, manufacturer_id=maker, exact_limit=0, k=1)

    assert found == best
    assert not any("reduced_vectors" in plan for plan in plans)


def test_search_does_not_count_what_was_counted_when_it_was_measured(large: Encoder) -> None:
    def counted(**options: Any) -> bool:
        with CaptureQueriesContext(connection) as queries:
            search(unit_vector(1), encoder_id=large.pk, **options)
        (facts,) = (each["sql"] for each in queries if "search_depth" in each["sql"])
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {facts}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        return "never executed" not in plan

    assert not counted()
    assert counted(exact_limit=3000), "measured where fewer were in question than this limit"
    maker = ReferenceImage.objects.all()[0].implant.manufacturer_id
    assert counted(manufacturer_id=maker), "of one maker there may be few"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reductions SET depth = NULL;"
        " DELETE FROM reduced_vectors v WHERE v.reference_id % 2 > 0",
        "ALTER TABLE reference_vectors DISABLE TRIGGER reduce_reference_vector",
        "DROP TRIGGER reduce_reference_vector ON reference_vectors",
    ],
)
def test_search_compares_all_where_reduced_vectors_are_not_known_to_be_true(
    large: Encoder, change: str
) -> None:
    connection.check_constraints()  # PostgreSQL alters no table while some are to be checked
    (asked, *_) = questions(large)
    right = search(asked, encoder_id=large.pk, exact_limit=10**6)
    done: list[bool] = []

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "looked_at" in sql and not done:  # it was just decided to look there
            done.append(True)
            with connection.connection.cursor() as cursor:
                cursor.execute(change)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meanwhile), looked_at() as plans:
        assert search(asked, encoder_id=large.pk) == right
    assert done
    assert "reduced_vectors" not in plans[-1], "all were compared in full"
