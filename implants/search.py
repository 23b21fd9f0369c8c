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
from django.db import connections, transaction
from pgvector import Vector

from implants import replica
from implants.models import DIMENSIONS
from raiox.common.measures import stage

# So many references are taken to find k implants among, then more: an implant may have hundreds.
_PAGES = (100, 1000)

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


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked for, and of which database."""

    connection: Any
    matching: str
    parameters: dict[str, Any]
    k: int
    depth: int | None = None


@stage("search")
def search(
    embedding: np.ndarray,
    *,
    encoder_id: int,
    k: int = 3,
    manufacturer_id: int | None = None,
    exact_limit: int | None = None,
    depth: int | None = None,
    using: str | None = None,
) -> list[Candidate]:
    """The `k` distinct implants nearest to `embedding`, best first; fewer when there are fewer.

    `embedding` has shape (512,) and comes from the encoder `encoder_id`, whose vectors alone are
    compared. Equal distances are ordered by id. `exact_limit` replaces `EXACT_SEARCH_LIMIT`,
    `depth` (100 to 1000, pgvector's most) the encoder's `search_depth`: how many neighbours the
    index looks for at once. Those of another encoder or manufacturer don't count: it goes on.
    Asked is the database `using`, by default the replica where there is one (`implants.replica`).
    Raises `ValueError` for anything else than 512 finite numbers that aren't all zero.
    """
    parameters = {
        "query": _as_text(embedding),
        "encoder_id": encoder_id,
        "manufacturer_id": manufacturer_id,
    }
    matching = _ALL if manufacturer_id is None else _ALL + _OF_MANUFACTURER
    limit = settings.EXACT_SEARCH_LIMIT if exact_limit is None else exact_limit

    def ask(connection: Any) -> list[_Row]:
        question = _Question(connection, matching, parameters, k, depth)
        rows = None if _few_enough(question, limit) else _by_index(question)
        return _exactly(question) if rows is None else rows

    rows = replica.read(ask) if using is None else ask(connections[using])
    return [Candidate(row.implant_id, row.reference_id, 1 - row.distance) for row in rows]


def _as_text(embedding: np.ndarray) -> str:
    vector = np.asarray(embedding, dtype=np.float32)
    if vector.shape != (DIMENSIONS,) or not np.isfinite(vector).all() or not vector.any():
        raise ValueError(f"A query is {DIMENSIONS} finite numbers, not all zero.")
    return Vector(vector).to_text()


def _few_enough(question: _Question, limit: int) -> bool:
    """Whether no more than `limit` references are in question."""
    with question.connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 {question.matching} LIMIT %(limit)s) AS counted",  # noqa: S608  # constants
            {**question.parameters, "limit": limit + 1},
        )
        return bool(cursor.fetchone()[0] <= limit)


def _exactly(question: _Question) -> list[_Row]:
    statement = _EXACT.format(matching=question.matching)

    def nearest(limit: int | None) -> list[_Row]:
        return _rows(question, statement, limit=limit)

    found = _first_complete(nearest, question.k)
    return _best_of_each(nearest(None))[: question.k] if found is None else found


def _by_index(question: _Question) -> list[_Row] | None:
    """None: the index did not get far enough to tell."""
    statement = _BY_INDEX.format(matching=question.matching, dimensions=DIMENSIONS)
    depth = _kept_depth(question) if question.depth is None else question.depth

    def nearest(limit: int) -> list[_Row]:
        return _rows(question, statement, limit=limit, looked_at=limit * depth // _PAGES[0])

    # Rolled back, so that the planner's settings end here, in a caller's transaction too.
    alias = question.connection.alias
    with transaction.atomic(using=alias):
        _set_for_index(question.connection, depth)
        found = _first_complete(nearest, question.k)
        transaction.set_rollback(True, using=alias)
    # It gives up after `hnsw.max_scan_tuples`: too few implants may mean "not looked".
    return None if found is None or len(found) < question.k else found


def _kept_depth(question: _Question) -> int:
    with question.connection.cursor() as cursor:
        cursor.execute(
            "SELECT search_depth FROM encoders WHERE id = %(encoder_id)s", question.parameters
        )
        return int(cursor.fetchone()[0])


def _set_for_index(connection: Any, depth: int) -> None:
    steps = {**_INDEX_SETTINGS, "hnsw.ef_search": str(depth)}
    calls = ", ".join(["set_config(%s, %s, true)"] * len(steps))
    with connection.cursor() as cursor:
        values = [part for pair in steps.items() for part in pair]
        cursor.execute(f"SELECT {calls}", values)


def _rows(question: _Question, statement: str, **limits: int | None) -> list[_Row]:
    with question.connection.cursor() as cursor:
        cursor.execute(statement, {**question.parameters, **limits})
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
