"""The ways of searching that are measured side by side, each from a query to three implants."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from django.db import DEFAULT_DB_ALIAS, connection
from numpy.typing import NDArray

from implants.benchmark import scratch
from implants.benchmark.workload import K, Workload
from implants.models import ReferenceVector
from implants.search import Way, found_by, search

NO_LIMIT = 2**62
_NEIGHBOURS = (100, 10, K, 1)
_Query = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Method:
    """A way of searching. `answer` gives implants by their numbers in the workload, best first.

    `plan` asks PostgreSQL how it goes about a query; `index_used` is for what has no plan.
    """

    name: str
    filter: str
    answer: Callable[[_Query], list[int]]
    build_s: float
    size_mb: float
    in_database: bool = False
    index_used: bool = False


def of_product(
    name: str,
    encoder_id: int,
    build_s: float,
    size_mb: float,
    *,
    filtered: bool,
    exact_limit: int | None = None,
) -> Method:
    """`implants.search.search` itself, as set up or with another exact limit."""
    options: dict[str, Any] = {"encoder_id": encoder_id, "k": K, "exact_limit": exact_limit}
    options["using"] = DEFAULT_DB_ALIAS  # the tables of a measurement are on no replica
    options |= {"manufacturer_id": scratch.KEPT_MAKER_ID} if filtered else {}

    def answer(query: _Query) -> list[int]:
        return [candidate.implant_id - 1 for candidate in search(query, **options)]

    return Method(name, label(filtered), answer, build_s, size_mb, in_database=True)


def of_way(name: str, encoder_id: int, way: Way, build_s: float, size_mb: float) -> Method:
    """One way of searching by itself, as `implants.search.found_by` goes it."""

    def answer(query: _Query) -> list[int]:
        found = found_by(query, way, encoder_id=encoder_id, k=K)
        return [candidate.implant_id - 1 for candidate in found]

    return Method(name, label(False), answer, build_s, size_mb, in_database=True)


def of_numpy(workload: Workload, *, filtered: bool) -> Method:
    """All vectors compared in memory, in float32: what the truth is made of."""
    compared = workload.kept() if filtered else workload
    numbers = workload.kept_implants() if filtered else np.arange(len(workload.makers))

    def answer(query: _Query) -> list[int]:
        return numbers[compared.answers(query)].tolist()

    return Method("numpy exact", label(filtered), answer, 0.0, compared.vectors.nbytes / 1e6)


def of_hnswlib(workload: Workload, depth: int) -> list[Method]:
    """hnswlib with the parameters of the product's index and search, in memory, in float32.

    Raises `ImportError` where it isn't installed.
    """
    hnswlib = import_module("hnswlib")  # only for this comparison
    index = hnswlib.Index(space="cosine", dim=workload.vectors.shape[1])
    (product,) = [each for each in ReferenceVector._meta.indexes if hasattr(each, "m")]
    index.init_index(len(workload.vectors), M=product.m, ef_construction=product.ef_construction)
    index.set_num_threads(os.cpu_count() or 1)
    start = time.perf_counter()
    for part in np.array_split(workload.order, max(1, len(workload.order) // 5000)):
        index.add_items(workload.vectors[part], part)
    build_s = time.perf_counter() - start
    index.set_ef(depth)
    kept = workload.makers[workload.owners] == 0
    name, size_mb = f"hnswlib ef {depth}", index.index_file_size() / 1e6

    def method(filtered: bool) -> Method:
        keep = (lambda number: bool(kept[number])) if filtered else None

        def answer(query: _Query) -> list[int]:
            return _first_owners(workload, _neighbours(index, query, keep))

        return Method(name, label(filtered), answer, build_s, size_mb, index_used=True)

    return [method(False), method(True)]


def label(filtered: bool) -> str:
    """What the column `filter` says."""
    return "manufacturer 1 %" if filtered else "none"


def plans(run: Callable[[], object]) -> str:
    """PostgreSQL's plan of each query by distance that `run` sends."""
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


def _neighbours(index: Any, query: _Query, keep: Callable[[int], bool] | None) -> NDArray:
    """The references found; it refuses to give fewer than were asked for."""
    for count in _NEIGHBOURS:
        try:
            return index.knn_query(query, count, num_threads=1, filter=keep)[0][0].astype(np.int64)
        except RuntimeError:
            continue
    return np.empty(0, dtype=np.int64)


def _first_owners(workload: Workload, references: NDArray) -> list[int]:
    owners = workload.owners[references].tolist()
    return list(dict.fromkeys(owners))[:K]
