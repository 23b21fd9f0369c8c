"""Search: the implants whose references look most like a radiograph.

Exact up to `EXACT_SEARCH_LIMIT` references. Above it the nearest are looked for in a quicker way,
and compared again in full, so that each similarity is that of the vectors themselves: all vectors
are looked at, reduced to their principal axes (`implants.reduction`), or else the HNSW index of all
512 numbers in half precision is asked, as was measured to be enough and quicker
(`implants.depth`). An implant scores as its best reference, so that one with 200 references does
not push the others out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from pgvector import Vector

from implants import replica
from implants.models import DIMENSIONS, SAMPLED_ONE_IN
from implants.reduction import IS_KEPT
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

# With a depth it is kept on how many vectors it was measured. Then they need not be counted for
# each search, which would take as long as a good part of it.
_FACTS = """
SELECT e.search_depth, d.depth, CASE WHEN {count_anyway} OR d.depth IS NULL
    OR d.measured_from <= %(limit)s
    THEN (SELECT count(*) FROM (SELECT 1 {matching} LIMIT %(limit)s + 1) AS counted) END
FROM encoders e LEFT JOIN reductions d ON d.encoder_id = e.id
WHERE e.id = %(encoder_id)s
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
# In one statement with the reason to look here: while axes are learned anew, and without the
# trigger that keeps them true, there are no rows. All vectors have the same length, so the inner
# product orders as the cosine does.
_BY_REDUCED = """
WITH asked AS MATERIALIZED (
    SELECT a.embedding, reduced_vector(%(encoder_id)s, a.embedding) AS reduced
    FROM (SELECT %(query)s::vector AS embedding) a
)
SELECT r.implant_id, n.reference_id, n.distance FROM (
    SELECT looked_at.reference_id,
        f.embedding <=> (SELECT embedding FROM asked) AS distance
    FROM (
        SELECT v.reference_id FROM reduced_vectors v
        WHERE v.encoder_id = %(encoder_id)s
        AND EXISTS (SELECT FROM reductions d WHERE d.encoder_id = %(encoder_id)s {is_asked})
        AND {is_kept}
        {near_enough}
        ORDER BY v.reduced <#> (SELECT reduced FROM asked) LIMIT %(looked_at)s
    ) AS looked_at
    JOIN reference_vectors f
      ON f.reference_id = looked_at.reference_id AND f.encoder_id = %(encoder_id)s
    ORDER BY distance, looked_at.reference_id
    LIMIT %(limit)s
) AS n
JOIN reference_images r ON r.id = n.reference_id
"""
# Sorting takes longer than comparing. So only what is nearer than nearly all of a sample is sorted:
# about three times as many as are looked at, and hardly ever fewer. The sample has an index of its
# own. It takes a row here and there, by a hash: what came together, as the films of an implant,
# lies together, and each tenth film may be of one kind. Of too few rows nothing is known.
_NEAR_ENOUGH = f"""
AND v.reduced <#> (SELECT reduced FROM asked) <= (SELECT coalesce((
    SELECT s.reduced <#> (SELECT reduced FROM asked) AS distance
    FROM reduced_vectors s
    WHERE s.encoder_id = %(encoder_id)s AND hashint8(s.reference_id) %% {SAMPLED_ONE_IN} = 0
    ORDER BY distance OFFSET 3 * %(looked_at)s / {SAMPLED_ONE_IN} LIMIT 1
), 'infinity'))
"""  # noqa: S608  # constants
# Without sequential scans and sorts, no plan but the index's is left (a hash join would need a sort
# behind it). The order may be slightly wrong between batches: all rows are compared again.
_INDEX_SETTINGS = {
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.max_scan_tuples": "20000",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
# One process that helps saves a third where there are 100,000, two take as long to start. Without
# other joins the few that are compared in full are looked up one by one.
_SCAN_SETTINGS = {
    "max_parallel_workers_per_gather": "1",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
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


class Where(StrEnum):
    """Where the nearest are looked for, before they are compared in full."""

    INDEX = "index"
    REDUCED = "reduced vectors"


@dataclass(frozen=True, slots=True)
class Way:
    """How the nearest are looked for; `depth`: so many at once (100 to 1000, pgvector's most)."""

    where: Where
    depth: int


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked for, and of which database."""

    connection: Any
    parameters: dict[str, Any]
    k: int

    @property
    def is_filtered(self) -> bool:
        return self.parameters["manufacturer_id"] is not None

    @property
    def matching(self) -> str:
        """Which vectors are in question."""
        return _ALL + _OF_MANUFACTURER if self.is_filtered else _ALL


@stage("search")
def search(
    embedding: np.ndarray,
    *,
    encoder_id: int,
    k: int = 3,
    manufacturer_id: int | None = None,
    exact_limit: int | None = None,
    using: str | None = None,
) -> list[Candidate]:
    """The `k` distinct implants nearest to `embedding`, best first; fewer when there are fewer.

    `embedding` has shape (512,) and comes from the encoder `encoder_id`, whose vectors alone are
    compared. Equal distances are ordered by id. `exact_limit` replaces `EXACT_SEARCH_LIMIT`; where
    reduced vectors are searched, it is compared with how many there were when that was measured.
    Neighbours of another encoder or manufacturer don't count: it goes on. Asked is the database
    `using`, by default the replica where there is one (`implants.replica`). Raises `ValueError` for
    anything else than 512 finite numbers that aren't all zero.
    """
    parameters = {
        "query": _as_text(embedding),
        "encoder_id": encoder_id,
        "manufacturer_id": manufacturer_id,
        "limit": settings.EXACT_SEARCH_LIMIT if exact_limit is None else exact_limit,
    }

    def ask(connection: Any) -> list[_Row]:
        question = _Question(connection, parameters, k)
        way = _way(question)
        rows = None if way is None else _found(question, way, is_asked="AND d.depth IS NOT NULL")
        return _exactly(question) if rows is None else rows

    return _candidates(replica.read(ask) if using is None else ask(connections[using]))


def found_by(embedding: np.ndarray, way: Way, *, encoder_id: int, k: int = 3) -> list[Candidate]:
    """What is found in this way alone, on the primary; nothing where `search` would compare all.

    For measuring a way before it is gone. Raises `ValueError` as `search` does.
    """
    parameters = {
        "query": _as_text(embedding),
        "encoder_id": encoder_id,
        "manufacturer_id": None,
    }
    question = _Question(connections[DEFAULT_DB_ALIAS], parameters, k)
    return _candidates(_found(question, way, is_asked="") or [])


def _as_text(embedding: np.ndarray) -> str:
    vector = np.asarray(embedding, dtype=np.float64)
    if vector.shape != (DIMENSIONS,) or not np.isfinite(vector).all() or not vector.any():
        raise ValueError(f"A query is {DIMENSIONS} finite numbers, not all zero.")
    # Half precision can't hold any length.
    return Vector(vector / np.linalg.norm(vector)).to_text()


def _candidates(rows: list[_Row]) -> list[Candidate]:
    return [Candidate(row.implant_id, row.reference_id, 1 - row.distance) for row in rows]


def _way(question: _Question) -> Way | None:
    """None: no more references than the limit are in question, so all are compared."""
    facts = _FACTS.format(
        count_anyway="true" if question.is_filtered else "false", matching=question.matching
    )
    with question.connection.cursor() as cursor:
        cursor.execute(facts, question.parameters)
        found = cursor.fetchone()
    if found is None:
        return None
    depth, reduced_depth, count = found
    if count is not None and count <= question.parameters["limit"]:
        return None
    # The sample says nothing of one manufacturer's alone.
    if reduced_depth is None or question.is_filtered:
        return Way(Where.INDEX, depth)
    return Way(Where.REDUCED, reduced_depth)


def _exactly(question: _Question) -> list[_Row]:
    statement = _EXACT.format(matching=question.matching)

    def nearest(limit: int | None) -> list[_Row]:
        return _rows(question, statement, limit=limit)

    found = _first_complete(nearest, question.k)
    return _best_of_each(nearest(None))[: question.k] if found is None else found


def _found(question: _Question, way: Way, *, is_asked: str) -> list[_Row] | None:
    """None: it was not looked far enough to tell. `is_asked`: more of a `Reduction` d, in SQL."""
    statements = _statements(question, way, is_asked)

    def nearest(limit: int) -> list[_Row]:
        limits = {"limit": limit, "looked_at": limit * way.depth // _PAGES[0]}
        rows: list[_Row] = []
        for statement in statements:
            rows = _rows(question, statement, **limits)
            if len(rows) == limit:
                break
        return rows

    # Rolled back, so that the planner's settings end here, in a caller's transaction too.
    alias = question.connection.alias
    with transaction.atomic(using=alias):
        _set_planner(question.connection, way)
        found = _first_complete(nearest, question.k)
        transaction.set_rollback(True, using=alias)
    # An index gives up after `hnsw.max_scan_tuples`: too few implants may mean "not looked".
    return None if found is None or len(found) < question.k else found


def _statements(question: _Question, way: Way, is_asked: str) -> list[str]:
    """Those that come next are for where one gives less than was asked for."""
    if way.where == Where.INDEX:
        return [_BY_INDEX.format(matching=question.matching, dimensions=DIMENSIONS)]
    return [
        _BY_REDUCED.format(is_asked=is_asked, is_kept=IS_KEPT, near_enough=near_enough)
        for near_enough in (_NEAR_ENOUGH, "")
    ]


def _set_planner(connection: Any, way: Way) -> None:
    steps = {**_INDEX_SETTINGS, "hnsw.ef_search": str(way.depth)}
    if way.where == Where.REDUCED:
        steps = _SCAN_SETTINGS
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
