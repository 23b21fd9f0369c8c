"""A schema beside the catalogue's, with tables like the catalogue's, for as long as a measurement.

While it is open, this process's connection looks into it first: the product's own models and
`implants.search.search` work on it, unchanged. The tables are copies of those in the database, with
their storage and indexes; they are unlogged, so that a million vectors go into no backup.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from tqdm import tqdm

from implants.benchmark.workload import Workload
from implants.models import (
    DIMENSIONS,
    Encoder,
    Implant,
    Manufacturer,
    PrincipalAxis,
    ReducedVector,
    Reduction,
    ReferenceImage,
    ReferenceVector,
)

SCHEMA = "raiox_bench_search"
KEPT_MAKER_ID = 1
"""Maker 0 of a workload, whose implants a filter keeps."""
BUILD_MEMORY = "6GB"
_LOCK = 0x62656E6368  # "bench": a number for PostgreSQL's advisory locks
_DROP = f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"
_MODELS = [
    Manufacturer, Implant, ReferenceImage, Encoder, ReferenceVector,
    Reduction, PrincipalAxis, ReducedVector,
]  # fmt: skip
_VECTORS = ReferenceVector._meta.db_table
SEARCHED = (_VECTORS, ReducedVector._meta.db_table)
"""The tables that a search looks into for what is near."""
_BATCH = 5000


class ScratchBusy(Exception):
    """Another measurement runs in this database."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its name, and the statement that makes it."""

    name: str
    definition: str


@contextmanager
def scratch() -> Iterator[None]:
    """Empty tables, this connection's default; dropped at the end, whatever the end is.

    What a killed run left is dropped first. Raises `ScratchBusy` while another run goes on.
    """
    if not execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])[0][0]:
        raise ScratchBusy("Another bench_search runs in this database.")
    try:
        with _ends_like_an_interrupt(signal.SIGTERM, signal.SIGHUP):
            _create()
            yield
    finally:
        if not connection.is_usable():
            connection.close()
        execute(_DROP)
        connection.close()  # with it the lock and the path end


def _create() -> None:
    execute(_DROP)
    home, path = execute("SELECT current_schema(), current_setting('search_path')")[0]
    execute(f"CREATE SCHEMA {SCHEMA}")
    for table in (model._meta.db_table for model in _MODELS):
        execute(f"CREATE UNLOGGED TABLE {SCHEMA}.{table} (LIKE {home}.{table} INCLUDING ALL)")
    execute(f"SET search_path = {SCHEMA}, {path}")
    # If this process is killed, the server ends the build of an index soon, not after an hour.
    execute("SET client_connection_check_interval = '5s'")


@contextmanager
def _ends_like_an_interrupt(*numbers: signal.Signals) -> Iterator[None]:
    """These signals are Ctrl-C meanwhile, so that the way out is walked; ignored ones stay so."""
    before = {number: signal.getsignal(number) for number in numbers}
    changed = {number for number in numbers if before[number] is not signal.SIG_IGN}
    for number in changed:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


def execute(statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Runs one statement; its rows, if it gives any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def take_index() -> Index:
    """Drops the index of the vectors, for the table to be filled first; `build` makes it again."""
    found = execute(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
        " WHERE i.indrelid = %s::regclass AND a.amname = 'hnsw'",
        [_VECTORS],
    )
    (index,) = (Index(*row) for row in found)
    execute(f"DROP INDEX {SCHEMA}.{index.name}")
    return index


def build(index: Index) -> float:
    """Builds the index over the filled table with `BUILD_MEMORY` for it; seconds."""
    execute("SELECT set_config('maintenance_work_mem', %s, false)", [BUILD_MEMORY])
    start = time.perf_counter()
    with _progress(ReferenceVector.objects.count()):
        execute(index.definition)
    return time.perf_counter() - start


@contextmanager
def _progress(total: int) -> Iterator[None]:
    """A bar that another connection moves on, as far as the server says."""
    ended = threading.Event()
    builder = connection.connection.info.backend_pid
    watcher = threading.Thread(target=_watch, args=(builder, total, ended))
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(builder: int, total: int, ended: threading.Event) -> None:
    asked = "SELECT tuples_done FROM pg_stat_progress_create_index WHERE pid = %s"
    with tqdm(desc="building the index", total=total, unit=" vectors", mininterval=1) as bar:
        while not ended.wait(2):
            for (done,) in execute(asked, [builder]):
                bar.update(done - bar.n)
    connection.close()  # this thread's own


def size_mb(relation: str) -> float:
    """What a table (without indexes) or an index takes, partitions too, in 10^6 bytes."""
    parts = "SELECT sum(pg_table_size(relid)) FROM pg_partition_tree(%s::regclass)"
    whole = "SELECT pg_table_size(%s::regclass)"
    ((size,),) = execute(f"SELECT coalesce(({parts}), ({whole}))", [relation, relation])
    return float(size) / 1e6


def fill_catalogue(workload: Workload) -> None:
    """The rows of a workload's makers, implants and references; ids are its numbers + 1."""
    Manufacturer.objects.bulk_create(
        Manufacturer(pk=number + 1, name=f"Maker {number}")
        for number in range(workload.makers.max() + 1)
    )
    _in_batches(
        Implant,
        (
            Implant(pk=number + 1, manufacturer_id=int(maker) + 1, name=f"Line {number}")
            for number, maker in enumerate(workload.makers)
        ),
    )
    _in_batches(
        ReferenceImage,
        (
            ReferenceImage(
                pk=number + 1,
                implant_id=int(owner) + 1,
                image=f"bench/{number}.png",
                source_key=f"bench/{number}",
                sha256=f"{number:064x}",
            )
            for number, owner in enumerate(workload.owners)
        ),
    )


def _in_batches(model: Any, rows: Iterator[Any]) -> None:
    while batch := list(islice(rows, _BATCH)):
        model.objects.bulk_create(batch)


def fill_vectors(encoder: Encoder, workload: Workload) -> None:
    """The encoder, and its vector of each reference, in the order in which they came."""
    encoder.save(force_insert=True)
    copy = f"COPY {_VECTORS} (reference_id, encoder_id, embedding, created_at)"
    with connection.cursor() as cursor, cursor.copy(f"{copy} FROM STDIN (FORMAT binary)") as out:
        out.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for start in range(0, len(workload.order), _BATCH):
            part = workload.order[start : start + _BATCH]
            out.write(_binary_rows(part + 1, encoder.pk, workload.vectors[part]))
        out.write(b"\xff\xff")


def tidy() -> None:
    """What autovacuum does for the catalogue, before anything is measured."""
    execute(f"VACUUM ANALYZE {', '.join(model._meta.db_table for model in _MODELS)}")


_ROW = np.dtype(
    [
        ("columns", ">i2"),
        ("reference_length", ">i4"),
        ("reference", ">i8"),
        ("encoder_length", ">i4"),
        ("encoder", ">i8"),
        ("embedding_length", ">i4"),
        ("dimensions", ">i2"),
        ("unused", ">i2"),
        ("embedding", ">f4", DIMENSIONS),
        ("created_at_length", ">i4"),
        ("created_at", ">i8"),
    ]
)


def _binary_rows(references: NDArray, encoder_id: int, vectors: NDArray) -> bytes:
    """Rows as COPY reads them: each column's length, then its value, highest byte first."""
    rows = np.zeros(len(references), dtype=_ROW)
    rows["columns"], rows["dimensions"], rows["embedding"] = 4, DIMENSIONS, vectors
    rows["reference"], rows["encoder"] = references, encoder_id
    rows["reference_length"] = rows["encoder_length"] = rows["created_at_length"] = 8
    rows["embedding_length"] = 4 + 4 * DIMENSIONS
    return rows.tobytes()
