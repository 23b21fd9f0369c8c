"""Search: distinct implants, exact below the limit, by the index above it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from implants import search as search_module
from implants.models import Encoder, Implant, ReferenceImage, ReferenceVector
from implants.search import search
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    ReferenceImageFactory,
    reference_with_vector,
    unit_vector,
    with_axes,
)

pytestmark = pytest.mark.django_db

METHODS = ["exact", "index", "reduced"]
INDEX = "reference_vectors_half_hnsw"


def at_angle(query: np.ndarray, degrees: float, seed: int = 1) -> np.ndarray:
    """A unit vector with this angle to `query`."""
    other = unit_vector(seed + 10_000).astype(np.float64)
    other -= other @ query * query
    other /= np.linalg.norm(other)
    angle = np.radians(degrees)
    return (np.cos(angle) * query + np.sin(angle) * other).astype(np.float32)


@pytest.fixture
def query() -> np.ndarray:
    return unit_vector(0)


@pytest.fixture
def encoder() -> Encoder:
    return EncoderFactory.create(is_active=True)


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest, settings: Any, encoder: Encoder) -> str:
    """All ways of searching: the same answers are expected of them."""
    settings.EXACT_SEARCH_LIMIT = 10**6 if request.param == "exact" else 0
    if request.param == "reduced":
        with_axes(encoder)
    return str(request.param)


def fill(encoder: Encoder, vectors: np.ndarray, implants: list[Implant]) -> None:
    """References with these vectors, dealt to the implants in turn."""
    references = ReferenceImage.objects.bulk_create(
        ReferenceImageFactory.build(implant=implants[index % len(implants)])
        for index in range(len(vectors))
    )
    ReferenceVector.objects.bulk_create(
        ReferenceVector(reference=reference, encoder=encoder, embedding=vector)
        for reference, vector in zip(references, vectors, strict=True)
    )


def plans(run: Callable[[], object]) -> str:
    """The planner's plan of each query that `run` sends."""
    lines: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "<=>" in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}", params)
                lines.extend(line for (line,) in cursor.fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        run()
    return "\n".join(lines)


def test_search_gives_the_nearest_implants_in_order(
    query: np.ndarray, encoder: Encoder, method: str
) -> None:
    references = [
        reference_with_vector(at_angle(query, degrees), encoder, ImplantFactory.create())
        for degrees in (60, 10, 30, 80)
    ]

    found = search(query, encoder_id=encoder.pk)

    best = [references[1], references[2], references[0]]
    assert [(item.implant_id, item.reference_id) for item in found] == [
        (reference.implant_id, reference.pk) for reference in best
    ]
    expected = np.cos(np.radians([10, 30, 60]))
    assert [item.similarity for item in found] == pytest.approx(expected, abs=1e-5)


def test_search_scores_an_implant_as_its_best_reference(
    query: np.ndarray, encoder: Encoder, method: str
) -> None:
    implant = ImplantFactory.create()
    reference_with_vector(at_angle(query, 40), encoder, implant)
    best = reference_with_vector(at_angle(query, 20), encoder, implant)
    reference_with_vector(at_angle(query, 70), encoder, implant)

    (found,) = search(query, encoder_id=encoder.pk)
    assert (found.implant_id, found.reference_id) == (implant.pk, best.pk)
    assert found.similarity == pytest.approx(np.cos(np.radians(20)), abs=1e-5)


def test_search_is_not_filled_by_one_implant_with_200_references(
    query: np.ndarray, encoder: Encoder, method: str
) -> None:
    crowd = ImplantFactory.create()
    fill(encoder, np.stack([at_angle(query, 5, seed) for seed in range(200)]), [crowd])
    others = [ImplantFactory.create() for _ in range(2)]
    for degrees, implant in zip((50, 60), others, strict=True):
        reference_with_vector(at_angle(query, degrees), encoder, implant)

    found = search(query, encoder_id=encoder.pk)

    assert [item.implant_id for item in found] == [crowd.pk, others[0].pk, others[1].pk]


def test_search_by_index_looks_at_all_where_the_index_gives_up(
    query: np.ndarray, encoder: Encoder, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As an implant with 20,000 references would: the index stops before it meets another implant.
    limits = {"hnsw.max_scan_tuples": "1"}
    monkeypatch.setattr(
        search_module, "_INDEX_SETTINGS", {**search_module._INDEX_SETTINGS, **limits}
    )
    settings.EXACT_SEARCH_LIMIT = 0
    crowd, other = ImplantFactory.create(), ImplantFactory.create()
    fill(encoder, np.stack([at_angle(query, 5, seed) for seed in range(200)]), [crowd])
    reference_with_vector(at_angle(query, 50), encoder, other)

    found = search(query, encoder_id=encoder.pk, k=2)

    assert [item.implant_id for item in found] == [crowd.pk, other.pk]


def test_search_gives_fewer_results_for_fewer_implants(
    query: np.ndarray, encoder: Encoder, method: str
) -> None:
    assert search(query, encoder_id=encoder.pk) == []
    implants = [ImplantFactory.create() for _ in range(2)]
    fill(encoder, np.stack([at_angle(query, 5, seed) for seed in range(6)]), implants)

    assert len(search(query, encoder_id=encoder.pk)) == 2


def test_search_compares_vectors_of_the_given_encoder_only(
    query: np.ndarray, encoder: Encoder, method: str
) -> None:
    mine = reference_with_vector(at_angle(query, 60), encoder, ImplantFactory.create())
    reference_with_vector(at_angle(query, 1), EncoderFactory.create(), ImplantFactory.create())

    assert [item.reference_id for item in search(query, encoder_id=encoder.pk)] == [mine.pk]


def test_search_of_one_manufacturer_leaves_the_others_out(
    query: np.ndarray, encoder: Encoder, method: str
) -> None:
    wanted, nearer = ImplantFactory.create(), ImplantFactory.create()
    reference_with_vector(at_angle(query, 60), encoder, wanted)
    reference_with_vector(at_angle(query, 5), encoder, nearer)

    found = search(query, encoder_id=encoder.pk, manufacturer_id=wanted.manufacturer_id)

    assert [item.implant_id for item in found] == [wanted.pk]


def test_search_orders_equal_distances_by_id(
    query: np.ndarray, encoder: Encoder, method: str
) -> None:
    implants = [ImplantFactory.create() for _ in range(5)]
    same = at_angle(query, 25)
    for implant in reversed(implants):
        reference_with_vector(same, encoder, implant)
        reference_with_vector(same, encoder, implant)

    found = search(query, encoder_id=encoder.pk)

    assert [item.implant_id for item in found] == [implant.pk for implant in implants[:3]]
    for item in found:
        references = ReferenceImage.objects.filter(implant_id=item.implant_id)
        assert item.reference_id == min(references.values_list("pk", flat=True))


def test_search_finds_the_right_ones_whatever_page_they_are_on(
    query: np.ndarray, encoder: Encoder, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few distances, so that many are equal, and implants whose ids run against their references'.
    monkeypatch.setattr(search_module, "_PAGES", (2, 7))
    implants = ImplantFactory.create_batch(6)
    vectors = [at_angle(query, degrees) for degrees in (10, 20, 30)]
    rows = []
    for number in range(36):
        distance, implant = number % 3, implants[5 - number // 6]
        reference = reference_with_vector(vectors[distance], encoder, implant)
        rows.append((distance, implant.pk, reference.pk))
    nearest: dict[int, tuple[int, int]] = {}
    for distance, implant_id, reference_id in sorted(rows):
        nearest.setdefault(implant_id, (distance, reference_id))
    order = sorted(nearest, key=lambda implant_id: (nearest[implant_id][0], implant_id))

    for k in (1, 3, 6, 8):
        found = search(query, encoder_id=encoder.pk, k=k)

        assert [item.implant_id for item in found] == order[:k]
        assert [item.reference_id for item in found] == [nearest[each][1] for each in order[:k]]


def test_search_by_index_compares_in_full_precision(
    query: np.ndarray, encoder: Encoder, settings: Any
) -> None:
    # Half precision has 11 bits: it can't tell these two, nor give a similarity to 7 digits.
    settings.EXACT_SEARCH_LIMIT = 0
    farther, nearer = (
        reference_with_vector(at_angle(query, degrees), encoder, ImplantFactory.create())
        for degrees in (30.001, 30.0)
    )

    found = search(query, encoder_id=encoder.pk, k=2)

    assert [item.reference_id for item in found] == [nearer.pk, farther.pk]
    for item, degrees in zip(found, (30.0, 30.001), strict=True):
        assert item.similarity == pytest.approx(np.cos(np.radians(degrees)), abs=1e-6)


def test_search_by_index_goes_on_behind_another_encoders_vectors(
    query: np.ndarray, encoder: Encoder, settings: Any
) -> None:
    # While encoders are changed: all that the index finds first is the other's.
    settings.EXACT_SEARCH_LIMIT = 0
    other, implants = EncoderFactory.create(), ImplantFactory.create_batch(4)
    fill(other, np.stack([at_angle(query, 5, seed) for seed in range(150)]), implants)
    for degrees, implant in zip((50, 40, 30, 20), implants, strict=True):
        reference_with_vector(at_angle(query, degrees), encoder, implant)
    found = []

    Encoder.objects.filter(pk=encoder.pk).update(search_depth=100)
    plan = plans(lambda: found.extend(search(query, encoder_id=encoder.pk)))

    assert [item.implant_id for item in found] == [each.pk for each in implants[:0:-1]]
    assert plan.count("Sort Key: ((") == plan.count(f"Index Scan using {INDEX}") == 1


def test_search_by_index_is_as_deep_as_was_measured_for_the_encoder(
    query: np.ndarray, encoder: Encoder, settings: Any
) -> None:
    settings.EXACT_SEARCH_LIMIT = 0
    Encoder.objects.filter(pk=encoder.pk).update(search_depth=300)
    reference_with_vector(query, encoder, ImplantFactory.create())
    seen: list[tuple[str, Any]] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "looked_at" in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute("SHOW hnsw.ef_search")
                seen.append((cursor.fetchone()[0], params["looked_at"]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        assert search(query, encoder_id=encoder.pk, k=1)

    assert seen == [("300", 300)]


@pytest.mark.parametrize(
    "embedding",
    [np.ones(511), np.ones((1, 512)), np.zeros(512), np.full(512, np.nan), np.full(512, np.inf)],
    ids=["511 numbers", "a matrix", "zeros", "nan", "inf"],
)
def test_search_refuses_what_is_no_direction(embedding: np.ndarray, encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="512 finite numbers"):
        search(embedding, encoder_id=encoder.pk)


@pytest.fixture
def large(encoder: Encoder) -> Encoder:
    """2,000 references of 200 implants, spread round 200 directions, and the planner's counts."""
    rng = np.random.default_rng(4)
    implants = Implant.objects.bulk_create(
        ImplantFactory.build_batch(200, manufacturer=ImplantFactory.create().manufacturer)
    )
    centres = rng.normal(size=(200, 512))
    vectors = centres[np.arange(2000) % 200] + 0.5 * rng.normal(size=(2000, 512))
    with connection.cursor() as cursor:
        # Built over the filled table: four times as quick as row by row.
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [INDEX])
        (definition,) = cursor.fetchone()
        cursor.execute(f"DROP INDEX {INDEX}")
        fill(encoder, vectors.astype(np.float32), implants)
        connection.check_constraints()  # PostgreSQL builds no index while some are to be checked
        cursor.execute(definition)
        cursor.execute("ANALYZE reference_vectors; ANALYZE reference_images")
    return encoder


def test_search_above_the_limit_uses_the_index_and_finds_the_same(
    large: Encoder, settings: Any
) -> None:
    vectors = ReferenceVector.objects.filter(encoder=large).order_by("pk")[:30]
    queries = [np.asarray(vector.embedding, dtype=np.float32) for vector in vectors]
    found = {}

    def answer(limit: int) -> None:
        settings.EXACT_SEARCH_LIMIT = limit
        found[limit] = [search(query, encoder_id=large.pk)[0] for query in queries]

    exact, indexed = plans(lambda: answer(2000)), plans(lambda: answer(1999))

    assert exact.count("Sort Key: ((v.embedding <=> ") == len(queries)
    assert INDEX not in exact
    assert indexed.count(f"Index Scan using {INDEX}") == len(queries)
    # Only what the index gave is sorted, by its full distance.
    assert indexed.count("Sort Key") == indexed.count("Sort Key: ((looked_at.") == len(queries)
    assert found[2000] == found[1999]


def test_search_takes_another_limit_from_its_caller(
    query: np.ndarray, encoder: Encoder, settings: Any
) -> None:
    settings.EXACT_SEARCH_LIMIT = 1
    reference_with_vector(query, encoder, ImplantFactory.create())

    def plan(limit: int | None) -> str:
        return plans(lambda: search(query, encoder_id=encoder.pk, k=1, exact_limit=limit))

    assert [INDEX in plan(limit) for limit in (None, 0, 1)] == [False, True, False]


def test_search_counts_only_what_the_filter_leaves(
    query: np.ndarray, encoder: Encoder, settings: Any
) -> None:
    settings.EXACT_SEARCH_LIMIT = 4
    few, many = ImplantFactory.create_batch(2)
    fill(encoder, np.stack([at_angle(query, 50, seed) for seed in range(6)]), [many])
    reference_with_vector(query, encoder, few)

    def of_maker(implant: Implant) -> str:
        maker = implant.manufacturer_id
        return plans(lambda: search(query, encoder_id=encoder.pk, manufacturer_id=maker, k=1))

    assert INDEX in of_maker(many)
    assert INDEX not in of_maker(few)


def test_search_by_index_leaves_the_planner_of_a_transaction_alone(
    query: np.ndarray, encoder: Encoder, settings: Any
) -> None:
    settings.EXACT_SEARCH_LIMIT = 0
    reference_with_vector(query, encoder, ImplantFactory.create())

    with transaction.atomic(), connection.cursor() as cursor:
        ImplantFactory.create(name="Written before")
        search(query, encoder_id=encoder.pk, k=1)
        cursor.execute("SELECT current_setting('enable_seqscan'), current_setting('enable_sort')")
        assert cursor.fetchone() == ("on", "on")

    assert Implant.objects.filter(name="Written before").exists()


def test_search_sends_two_queries_below_the_limit(query: np.ndarray, encoder: Encoder) -> None:
    with CaptureQueriesContext(connection) as queries:
        search(query, encoder_id=encoder.pk)

    assert len(queries) == 2
