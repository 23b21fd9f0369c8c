"""The table of vectors as partitions with an index each, and back, while the service goes on.

Past a size one HNSW index takes hours and more memory than there is to be built. Partitions by hash
of the reference keep each index small; the search asks all of them, and PostgreSQL merges. A new
table is filled and indexed beside the old one, a trigger notes what changes meanwhile, and in one
short transaction, the only time that anybody waits, the new table takes the old one's name.

Columns, constraints, indexes and their names stay what Django's migrations know, but for the
primary key: that of a partitioned table must hold the partition's column: (id, reference_id).
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction
from django.db.utils import OperationalError

from implants.models import ReferenceVector

MOST: Final = 64
KEY: Final = "reference_id"
TABLE: Final = ReferenceVector._meta.db_table
_NEW: Final = f"{TABLE}_new"
_CHANGES: Final = f"{TABLE}_changes"
_NOTED: Final = f"{_CHANGES}_noted"
_BATCH: Final = 5_000
_LOCK: Final = 0x70617274  # "part": a number for PostgreSQL's advisory locks
_LOCK_TIMEOUT: Final = "2s"
_ATTEMPTS: Final = 30
_LOCK_NOT_AVAILABLE: Final = "55P03"

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is, and how much there is to do."""

_NOTE_CHANGES: Final = f"""
CREATE UNLOGGED TABLE {_CHANGES} (id bigint NOT NULL);
CREATE FUNCTION {_CHANGES}_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN INSERT INTO {_CHANGES} VALUES (OLD.id); END IF;
    IF TG_OP <> 'DELETE' THEN INSERT INTO {_CHANGES} VALUES (NEW.id); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER {_NOTED} AFTER INSERT OR UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION {_CHANGES}_note();
"""  # noqa: S608  # names of ours
_CLEAR: Final = f"""
DROP FUNCTION IF EXISTS {_CHANGES}_note();
DROP TABLE IF EXISTS {_CHANGES};
DROP TABLE IF EXISTS {_NEW};
DROP SEQUENCE IF EXISTS {_NEW}_id_seq;
"""
_SUMS: Final = "SELECT count(*), sum(id), sum(reference_id), sum(encoder_id) FROM {table}"
_INDEX: Final = re.compile(r"CREATE (UNIQUE )?INDEX \S+ ON (?:ONLY )?\S+ (USING .*)")


class PartitioningError(Exception):
    """The table can't be converted; it is as it was."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What belongs to the table beside its columns: definitions by name, and rights."""

    unique: dict[str, str]
    foreign_keys: dict[str, str]
    indexes: dict[str, str]
    grants: list[tuple[str, str]]


def partitions() -> int:
    """How many partitions the table of vectors has; 0 while it is a plain table."""
    return len(_leaves(TABLE)) if _is_partitioned(TABLE) else 0


def convert(count: int, progress: Progress, *, memory: str = "") -> float:
    """Make the table one of `count` partitions (0: a plain table); how long others waited, in s.

    `memory`: for building an index, as PostgreSQL writes it (default: as the server is set up).
    Raises `PartitioningError` with the reason; then, as after any exception, the table is as it
    was. What a killed run left is removed first.
    """
    if connection.in_atomic_block:
        raise PartitioningError("This can't be a part of a transaction.")
    with _alone():
        shape = _shape()
        _clear()
        try:
            if memory:
                _rows("SELECT set_config('maintenance_work_mem', %s, false)", memory)
            # Who wrote before the trigger was there has ended when it is.
            _briefly(lambda: _run(_NOTE_CHANGES))
            _create(count)
            _copy(progress)
            _index(shape, progress)
            return _swap(shape, count, progress)
        finally:
            if not connection.is_usable():
                connection.close()
            _run("RESET maintenance_work_mem")
            _clear()


def clear() -> None:
    """Remove what a killed run left."""
    with _alone():
        _clear()


def _clear() -> None:
    if _rows(
        "SELECT 1 FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass", _NOTED, TABLE
    ):
        _briefly(lambda: _run(f"DROP TRIGGER {_NOTED} ON {TABLE}"))
    _run(_CLEAR)


@contextmanager
def _alone() -> Iterator[None]:
    if not _rows("SELECT pg_try_advisory_lock(%s)", _LOCK)[0][0]:
        raise PartitioningError("Another process is converting the table.")
    try:
        yield
    finally:
        _rows("SELECT pg_advisory_unlock(%s)", _LOCK)


def _shape() -> _Shape:
    """Refuses what would be lost or could not be kept."""
    pointing = _rows(
        "SELECT conrelid::regclass::text FROM pg_constraint"
        " WHERE confrelid = %s::regclass AND contype = 'f' AND conparentid = 0", TABLE,
    )  # fmt: skip
    if pointing:
        raise PartitioningError(f"A foreign key points to {TABLE}: {pointing[0][0]}.")
    constraints: dict[str, dict[str, str]] = {"p": {}, "u": {}, "f": {}}
    for kind, name, definition in _rows(
        "SELECT contype::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY conname", TABLE,
    ):  # fmt: skip
        constraints[kind][name] = definition
    for name, definition in constraints["u"].items():
        if KEY not in definition:
            raise PartitioningError(f"{name} says nothing of {KEY}: no partition could keep it.")
    indexes = _rows(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indexrelid WHERE i.indrelid = %s::regclass AND NOT EXISTS"
        " (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid AND k.conrelid = i.indrelid)"
        " ORDER BY c.relname", TABLE,
    )  # fmt: skip
    grants = _rows(
        "SELECT a.grantee::regrole::text, a.privilege_type FROM pg_class c,"
        " aclexplode(c.relacl) a WHERE c.oid = %s::regclass AND a.grantee <> c.relowner", TABLE,
    )  # fmt: skip
    return _Shape(constraints["u"], constraints["f"], dict(indexes), [tuple(row) for row in grants])


def _create(count: int) -> None:
    """The new table, empty and with nothing but its primary key and where its ids come from."""
    like = f"(LIKE {TABLE} INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS)"
    if not count:
        _run(f"CREATE TABLE {_NEW} {like}")
        _run(f"ALTER TABLE {_NEW} ADD CONSTRAINT {_NEW}_pkey PRIMARY KEY (id)")
        _run(f"ALTER TABLE {_NEW} ALTER id ADD GENERATED BY DEFAULT AS IDENTITY")
        return
    _run(f"CREATE TABLE {_NEW} {like} PARTITION BY HASH ({KEY})")
    for number in range(count):
        values = f"FOR VALUES WITH (MODULUS {count}, REMAINDER {number})"
        _run(f"CREATE TABLE {_NEW}_p{number} PARTITION OF {_NEW} {values}")
        _run(f"ALTER TABLE {_NEW}_p{number} ALTER embedding SET STORAGE PLAIN")
    _run(f"ALTER TABLE {_NEW} ADD CONSTRAINT {_NEW}_pkey PRIMARY KEY (id, {KEY})")
    # A sequence, since an identity column of a partitioned table is new in PostgreSQL 17.
    _run(f"CREATE SEQUENCE {_NEW}_id_seq OWNED BY {_NEW}.id")
    _run(f"ALTER TABLE {_NEW} ALTER id SET DEFAULT nextval('{_NEW}_id_seq')")


def _copy(progress: Progress) -> None:
    columns = _columns()
    ((last, total),) = _rows(f"SELECT coalesce(max(id), 0), count(*) FROM {TABLE}")  # noqa: S608
    done, start = 0, 0
    progress("copying the vectors", 0, total)
    while start < last:
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {_NEW} ({columns}) SELECT {columns} FROM {TABLE}"  # noqa: S608
                " WHERE id > %s AND id <= %s",
                [start, start + _BATCH],
            )
            done += cursor.rowcount
        start += _BATCH
        progress("copying the vectors", done, total)


def _index(shape: _Shape, progress: Progress) -> None:
    """Each partition's index by itself, then that of the whole, which takes them over."""
    for name, definition in shape.unique.items():
        _run(f"ALTER TABLE {_NEW} ADD CONSTRAINT {_staged(name)} {definition}")
    leaves = _leaves(_NEW) if _is_partitioned(_NEW) else []
    total = len(shape.indexes) * max(len(leaves), 1)
    done = 0
    for name, definition in shape.indexes.items():
        for leaf in leaves:
            progress("building the indexes", done, total)
            suffix = leaf.removeprefix(_NEW)
            _run(_on(leaf, f"{_staged(name)}{suffix}", definition))
            done += 1
        _run(_on(_NEW, _staged(name), definition))
    progress("building the indexes", total, total)
    _run(f"ANALYZE {_NEW}")


def _on(table: str, name: str, definition: str) -> str:
    """The statement that makes the index `definition` of another table, under another name."""
    found = _INDEX.fullmatch(definition)
    if found is None:
        raise PartitioningError(f"This index is not understood: {definition}")
    return f"CREATE {found[1] or ''}INDEX {name} ON {table} {found[2]}"


def _swap(shape: _Shape, count: int, progress: Progress) -> float:
    """The new table in place of the old; for how long nobody could read it, in seconds."""
    start = 0.0

    def change_over() -> None:
        nonlocal start
        _run(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        start = time.perf_counter()
        _catch_up()
        _replace(shape, count)

    _briefly(change_over, lambda attempt: progress("changing over", attempt, _ATTEMPTS))
    progress("changing over", _ATTEMPTS, _ATTEMPTS)
    return time.perf_counter() - start


def _briefly(work: Callable[[], None], begin: Callable[[int], None] = lambda _: None) -> None:
    """Do what locks the table, in a transaction; others must not queue behind a long wait for it.

    So the wait is short, and repeated; `begin` hears of each attempt.
    """
    for attempt in range(_ATTEMPTS):
        begin(attempt)
        try:
            with transaction.atomic():
                _run(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                work()
                return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
                raise
            time.sleep(1)
    raise PartitioningError(f"{TABLE} was in use all the time. Try again when there is less to do.")


def _catch_up() -> None:
    """What changed since the copying began; then both tables hold the same rows."""
    columns, changed = _columns(), f"(SELECT id FROM {_CHANGES})"  # noqa: S608
    _run(f"DELETE FROM {_NEW} WHERE id IN {changed}")  # noqa: S608
    _run(
        f"INSERT INTO {_NEW} ({columns}) SELECT {columns} FROM {TABLE} WHERE id IN {changed}"  # noqa: S608
    )
    old, new = (_rows(_SUMS.format(table=table)) for table in (TABLE, _NEW))
    if old != new:
        raise PartitioningError(f"The copy is not complete: {old[0]} rows and sums, {new[0]}.")


def _replace(shape: _Shape, count: int) -> None:
    triggers = _rows(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgname <> %s AND tgenabled = 'O'"
        " ORDER BY tgname", TABLE, _NOTED,
    )  # fmt: skip
    for name, definition in shape.foreign_keys.items():
        _run(f"ALTER TABLE {_NEW} ADD CONSTRAINT {name} {definition}")
    for grantee, right in shape.grants:
        _run(f"GRANT {right} ON {_NEW} TO {grantee}")
    _rows(
        "SELECT setval(pg_get_serial_sequence(%s, 'id'),"
        " nextval(pg_get_serial_sequence(%s, 'id')))",
        _NEW, TABLE,
    )  # fmt: skip
    _run(f"DROP TABLE {TABLE}")
    named = _rows(
        "SELECT c.relname, c.relkind IN ('i', 'I') FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = current_schema()"
        " AND (c.relname = %s OR starts_with(c.relname, %s)) AND c.relkind IN"
        " ('r', 'p', 'i', 'I', 'S')", _NEW, f"{_NEW}_",
    )  # fmt: skip
    for name, is_index in named:
        kind = "INDEX" if is_index else "SEQUENCE" if name.endswith("_id_seq") else "TABLE"
        _run(f"ALTER {kind} {name} RENAME TO {name.replace(_NEW, TABLE, 1)}")
    # Not before: what is copied was seen by them when it was first written.
    for (definition,) in triggers:
        _run(definition)


def _staged(name: str) -> str:
    if not name.startswith(TABLE):
        raise PartitioningError(f"The name {name} does not begin with {TABLE}.")
    return name.replace(TABLE, _NEW, 1)


def _columns() -> str:
    return ", ".join(str(field.column) for field in ReferenceVector._meta.concrete_fields)


def _is_partitioned(table: str) -> bool:
    return bool(_rows("SELECT relkind = 'p' FROM pg_class WHERE oid = %s::regclass", table)[0][0])


def _leaves(table: str) -> list[str]:
    rows = _rows(
        "SELECT c.relname FROM pg_partition_tree(%s::regclass) t JOIN pg_class c"
        " ON c.oid = t.relid WHERE t.isleaf ORDER BY length(c.relname), c.relname", table,
    )  # fmt: skip
    return [str(name) for (name,) in rows]


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _rows(statement: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
