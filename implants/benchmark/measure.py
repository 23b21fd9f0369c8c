"""Timing a way of searching, and comparing its answers with the right ones."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from implants.benchmark.methods import Method, plans

_WARM_UP = 5
_SECONDS = 60.0
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured; `queries` is of how many, each alone, one after the other."""

    method: str
    filter: str
    recall_at_3: float
    p50_ms: float
    p95_ms: float
    build_s: float
    size_mb: float
    index_used: bool
    reduced_used: bool
    queries: int


def measure(
    method: Method, queries: NDArray[np.float32], truth: NDArray[np.int64], index: str | None
) -> tuple[Row, str]:
    """The row of `method`, and the plan of one query ("" outside the database).

    `truth` (q, k): the right implants of each query; `index`: the name it has in a plan, if there
    is one. A slow method gets fewer queries, at least 20, to be done in about a minute.
    """
    for query in queries[:_WARM_UP]:
        method.answer(query)
    plan = plans(lambda: method.answer(queries[0])) if method.in_database else ""
    times, recalls = _run(method, queries, truth)
    p50, p95 = np.percentile(times, [50, 95]) * 1000
    row = Row(
        method=method.name,
        filter=method.filter,
        recall_at_3=round(float(np.mean(recalls)), 4),
        p50_ms=round(float(p50), 3),
        p95_ms=round(float(p95), 3),
        build_s=round(method.build_s, 1),
        size_mb=round(method.size_mb, 1),
        index_used=method.index_used or (index is not None and f"using {index}" in plan),
        reduced_used="on reduced_vectors" in plan,
        queries=len(times),
    )
    return row, plan


def _run(
    method: Method, queries: NDArray[np.float32], truth: NDArray[np.int64]
) -> tuple[list[float], list[float]]:
    """Seconds of each query, and the share of the right implants among its answers."""
    times: list[float] = []
    recalls = []
    name = f"{method.name}, filter {method.filter}"
    for query, right in zip(tqdm(queries, name, mininterval=1, leave=False), truth, strict=True):
        if sum(times) > _SECONDS and len(times) >= _FEWEST:
            break
        start = time.perf_counter()
        found = method.answer(query)
        times.append(time.perf_counter() - start)
        recalls.append(len(set(found) & set(right.tolist())) / len(right))
    return times, recalls
