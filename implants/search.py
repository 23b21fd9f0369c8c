"""Search: the implants whose references look most like a radiograph.

Exact up to `EXACT_SEARCH_LIMIT` references, by the HNSW index above it. The index holds vectors in
half precision, which is quicker; whatever it finds is compared again in full, so each similarity is
that of the vectors themselves. An implant scores as its best reference, so that one with 200
references does not push the others out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from pgvector import Vector

from implants.models import DIMENSIONS
from raiox.common.measures import stage

# So many references are taken to find k implants among, then more: an implant may have hundreds.
_PAGES = (100, 1000)
# The index looks for this many neighbours at once (pgvector takes 1000 at most): more costs time,
# fewer loses right ones. Those of another encoder or manufacturer don't count: it goes on until it
# has met `_LOOKED_AT` for each row of a page.
EF_SEARCH = 800
_LOOKED_AT = EF_SEARCH // _PAGES[0]

# Each vector has its reference; LEFT lets the planner drop the join where nothing is asked of it.
_ALL = """
FROM reference_vectors v
LEFT JOIN reference_images r ON r.id = v.reference_id
WHERE v.encoder_id = %(encoder_id)s
"""
_OF_MANUFACTURER = """
AND r.implant_id IN (SELECT id FROM implants WHERE manufacturer_id = %(manufacturer_id)s)
"""

# The implants are looked up for the nearest references only. The index is of another expression:
# this order can't come from it.
_EXACT = """
SELECT r.implant_id, n.reference_id, n.distance FROM (
    SELECT v.reference_id, v.embedding <=> %(query)s::vector AS distance
    {matching}
    ORDER BY distance, v.reference_id
    LIMIT %(limit)s
) AS n
JOIN reference_images r ON r.id = n.reference_id
"""
_BY_INDEX = """
SELECT r.implant_id, n.reference_id, n.distance FROM (
    SELECT looked_at.reference_id, looked_at.embedding <=> %(query)s::vector AS distance FROM (
        SELECT v.reference_id, v.embedding
        {matching}
        ORDER BY v.embedding::halfvec({dimensions}) <=> %(query)s::halfvec({dimensions})
        LIMIT %(looked_at)s
    ) AS looked_at
    ORDER BY distance, looked_at.reference_id
    LIMIT %(limit)s
) AS n
JOIN reference_images r ON r.id = n.reference_id
"""
# Without sequential scans and sorts, no plan but the index's is left (a hash join would need a sort
# behind it). The order may be slightly wrong between batches: all rows are compared again.
_INDEX_SETTINGS = {
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": str(EF_SEARCH),
    "hnsw.max_scan_tuples": "20000",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_bitmapscan": "off",
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


_Nearest = Callable[[int], list[_Row]]


@stage("search")
def search(
    embedding: np.ndarray,
    *,
    encoder_id: int,
    k: int = 3,
    manufacturer_id: int | None = None,
    exact_limit: int | None = None,
) -> list[Candidate]:
    """The `k` distinct implants nearest to `embedding`, best first; fewer when there are fewer.

    `embedding` has shape (512,) and comes from the encoder `encoder_id`, whose vectors alone are
    compared. Equal distances are ordered by id. `exact_limit` replaces `EXACT_SEARCH_LIMIT`.
    Raises `ValueError` for anything else than 512 finite numbers that aren't all zero.
    """
    query = {
        "query": _as_text(embedding),
        "encoder_id": encoder_id,
        "manufacturer_id": manufacturer_id,
    }
    matching = _ALL if manufacturer_id is None else _ALL + _OF_MANUFACTURER
    limit = settings.EXACT_SEARCH_LIMIT if exact_limit is None else exact_limit
    rows = None if _few_enough(matching, query, limit) else _by_index(matching, query, k)
    if rows is None:
        rows = _exactly(matching, query, k)
    return [Candidate(row.implant_id, row.reference_id, 1 - row.distance) for row in rows]


def _as_text(embedding: np.ndarray) -> str:
    vector = np.asarray(embedding, dtype=np.float32)
    if vector.shape != (DIMENSIONS,) or not np.isfinite(vector).all() or not vector.any():
        raise ValueError(f"A query is {DIMENSIONS} finite numbers, not all zero.")
    return Vector(vector).to_text()


def _few_enough(matching: str, query: dict[str, Any], limit: int) -> bool:
    """Whether no more than `limit` references are in question."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 {matching} LIMIT %(limit)s) AS counted",  # noqa: S608  # constants
            {**query, "limit": limit + 1},
        )
        return bool(cursor.fetchone()[0] <= limit)


def _exactly(matching: str, query: dict[str, Any], k: int) -> list[_Row]:
    def nearest(limit: int | None) -> list[_Row]:
        return _rows(_EXACT.format(matching=matching), {**query, "limit": limit})

    found = _first_complete(nearest, k)
    return _best_of_each(nearest(None))[:k] if found is None else found


def _by_index(matching: str, query: dict[str, Any], k: int) -> list[_Row] | None:
    """None: the index did not get far enough to tell."""
    statement = _BY_INDEX.format(matching=matching, dimensions=DIMENSIONS)

    def nearest(limit: int) -> list[_Row]:
        looked_at = limit * _LOOKED_AT
        return _rows(statement, {**query, "limit": limit, "looked_at": looked_at})

    # Rolled back, so that the planner's settings end here, in a caller's transaction too.
    with transaction.atomic():
        _set_for_index()
        found = _first_complete(nearest, k)
        transaction.set_rollback(True)
    # It gives up after `hnsw.max_scan_tuples`: too few implants may mean "not looked".
    return None if found is None or len(found) < k else found


def _set_for_index() -> None:
    calls = ", ".join(["set_config(%s, %s, true)"] * len(_INDEX_SETTINGS))
    with connection.cursor() as cursor:
        values = [part for pair in _INDEX_SETTINGS.items() for part in pair]
        cursor.execute(f"SELECT {calls}", values)


def _rows(statement: str, parameters: dict[str, Any]) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [_Row(*row) for row in cursor.fetchall()]


def _first_complete(nearest: _Nearest, k: int) -> list[_Row] | None:
    """The `k` best implants out of the first page that holds them surely; None if none does.

    A row behind the page could be as near as its last one, and have the lower id.
    """
    for limit in _PAGES:
        rows = nearest(limit)
        best = _best_of_each(rows)[:k]
        farthest = max((row.distance for row in rows), default=0.0)
        if len(rows) < limit or (len(best) == k and best[-1].distance < farthest):
            return best
    return None


def _best_of_each(rows: list[_Row]) -> list[_Row]:
    """The nearest row of each implant, nearest first; equal distances by id."""
    best: dict[int, _Row] = {}
    for row in sorted(rows, key=lambda row: (row.distance, row.reference_id)):
        best.setdefault(row.implant_id, row)
    return sorted(best.values(), key=lambda row: (row.distance, row.implant_id))
