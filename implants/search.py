"""Search: the implants whose references look most like a radiograph.

Exact up to `EXACT_SEARCH_LIMIT` references, by the HNSW index above it. An implant scores as its
best reference, so that one with 200 references does not push the others out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from pgvector import Vector

from implants.models import DIMENSIONS

# The index is asked for this many neighbours at a time: more costs time, fewer loses right ones.
EF_SEARCH = 200
_PAGE = 100
_CURSOR = "nearest_references"

# Each vector has its reference; LEFT lets the planner drop the join where rows are only counted.
_ALL = """
FROM reference_vectors v
LEFT JOIN reference_images r ON r.id = v.reference_id
WHERE v.encoder_id = %(encoder_id)s
"""
_OF_MANUFACTURER = """
AND r.implant_id IN (SELECT id FROM implants WHERE manufacturer_id = %(manufacturer_id)s)
"""

# Sorting by implant first keeps the planner from answering out of the (approximate) index.
_EXACT = """
SELECT implant_id, reference_id, distance FROM (
    SELECT DISTINCT ON (r.implant_id)
        r.implant_id, r.id AS reference_id, v.embedding <=> %(query)s::vector AS distance
    {matching}
    ORDER BY r.implant_id, distance, r.id
) AS best
ORDER BY distance, implant_id
LIMIT %(k)s
"""
_NEAREST = """
SELECT r.implant_id, r.id AS reference_id, v.embedding <=> %(query)s::vector AS distance
{matching}
ORDER BY v.embedding <=> %(query)s::vector
"""
# The rows leave the index by distance, strictly. Without sequential scans and sorts, no plan but
# the index's is left (a hash join would need a sort behind it).
_INDEX_SETTINGS = {
    "hnsw.iterative_scan": "strict_order",
    "hnsw.ef_search": str(EF_SEARCH),
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_bitmapscan": "off",
    "hnsw.max_scan_tuples": "5000",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An implant, its reference nearest to the query, and 1 - cosine distance of the two."""

    implant_id: int
    reference_id: int
    similarity: float


class _Row(NamedTuple):
    implant_id: int
    reference_id: int
    distance: float


def search(
    embedding: np.ndarray, *, encoder_id: int, k: int = 3, manufacturer_id: int | None = None
) -> list[Candidate]:
    """The `k` distinct implants nearest to `embedding`, best first; fewer when there are fewer.

    `embedding` has shape (512,) and comes from the encoder `encoder_id`, whose vectors alone are
    compared. Equal distances are ordered by id. Raises `ValueError` for anything else than 512
    finite numbers that aren't all zero.
    """
    query = {
        "query": _as_text(embedding),
        "encoder_id": encoder_id,
        "manufacturer_id": manufacturer_id,
        "k": k,
    }
    matching = _ALL if manufacturer_id is None else _ALL + _OF_MANUFACTURER
    rows = [] if _few_enough(matching, query) else _by_index(matching, query)
    # The index gives up after `hnsw.max_scan_tuples`: too few implants may mean "not looked".
    if len(rows) < k:
        rows = _exactly(matching, query)
    return [Candidate(row.implant_id, row.reference_id, 1 - row.distance) for row in rows]


def _as_text(embedding: np.ndarray) -> str:
    vector = np.asarray(embedding, dtype=np.float32)
    if vector.shape != (DIMENSIONS,) or not np.isfinite(vector).all() or not vector.any():
        raise ValueError(f"A query is {DIMENSIONS} finite numbers, not all zero.")
    return Vector(vector).to_text()


def _few_enough(matching: str, query: dict[str, Any]) -> bool:
    """Whether no more than `EXACT_SEARCH_LIMIT` references are in question."""
    limit = settings.EXACT_SEARCH_LIMIT
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 {matching} LIMIT %(limit)s) AS counted",  # noqa: S608  # constants
            {**query, "limit": limit + 1},
        )
        return bool(cursor.fetchone()[0] <= limit)


def _exactly(matching: str, query: dict[str, Any]) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(_EXACT.format(matching=matching), query)
        return [_Row(*row) for row in cursor.fetchall()]


def _by_index(matching: str, query: dict[str, Any]) -> list[_Row]:
    # Rolled back, so that the planner's settings end here, in a caller's transaction too.
    with transaction.atomic():
        best = _best_of_each(_nearest(matching, query), query["k"])
        transaction.set_rollback(True)
    return best


def _nearest(matching: str, query: dict[str, Any]) -> Iterator[_Row]:
    """References by growing distance, read from the index page by page."""
    with connection.cursor() as cursor:
        for name, value in _INDEX_SETTINGS.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        nearest = _NEAREST.format(matching=matching)
        cursor.execute(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {nearest}", query)
        while page := _next_page(cursor):
            yield from (_Row(*row) for row in page)


def _next_page(cursor: Any) -> list[tuple[int, int, float]]:
    cursor.execute(f"FETCH {_PAGE} FROM {_CURSOR}")
    return list(cursor.fetchall())


def _best_of_each(rows: Iterator[_Row], k: int) -> list[_Row]:
    """The best row of the `k` best implants.

    Reads on while rows are as near as the last of them: the index orders equal distances
    arbitrarily, we do by id.
    """
    best: dict[int, _Row] = {}
    farthest = -1.0
    for row in rows:
        if len(best) >= k and row.distance > farthest:
            break
        known = best.get(row.implant_id)
        if known is None or (row.distance, row.reference_id) < (known.distance, known.reference_id):
            best[row.implant_id] = row
        farthest = row.distance
    return sorted(best.values(), key=lambda row: (row.distance, row.implant_id))[:k]
