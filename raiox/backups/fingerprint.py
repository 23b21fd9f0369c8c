"""What a database held at one moment: for each table its rows, and a checksum of all their values.

The checksum is of PostgreSQL's binary form, column by column in the order of their names and row by
row in the order of the primary key, so that each bit of a vector counts, and nothing of a server's
settings does.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import IsolationLevel, sql

from raiox.backups.postgres import Database, Table, tables_of

_COPY: Final = sql.SQL(
    "COPY (SELECT {columns} FROM {table} ORDER BY {order}) TO STDOUT (FORMAT binary)"
)


class Print(NamedTuple):
    """Of one table: how many rows, and the SHA-256 of what is in them."""

    rows: int
    sha256: str


Fingerprint = dict[str, Print]


class Snapshot(NamedTuple):
    """One moment of a database: its fingerprint, and the name under which others see it too."""

    name: str
    taken_at: datetime
    fingerprint: Fingerprint


@contextmanager
def snapshot(database: Database) -> Iterator[Snapshot]:
    """This moment, held still for as long as the context lasts, while others go on writing."""
    with database.connect() as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            # It waits while others read by it.
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.execute("SET LOCAL statement_timeout = 0")
            [(name, taken_at)] = connection.execute("SELECT pg_export_snapshot(), now()").fetchall()
            yield Snapshot(name, taken_at, _fingerprint(connection))


def fingerprint(database: Database) -> Fingerprint:
    """Of what the database holds now."""
    with snapshot(database) as now:
        return now.fingerprint


def differences(expected: Fingerprint, found: Fingerprint) -> list[str]:
    """Where the two differ, a sentence each."""
    return [
        _difference(name, expected.get(name), found.get(name))
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]


def _difference(name: str, expected: Print | None, found: Print | None) -> str:
    if expected is None:
        return f"{name} was not in the backup."
    if found is None:
        return f"{name} is missing."
    if expected.rows != found.rows:
        return f"{name} has {found.rows} rows, {expected.rows} were backed up."
    return f"{name} has other values than were backed up."


def _fingerprint(connection: psycopg.Connection[Any]) -> Fingerprint:
    return {table.text: _print(connection, table) for table in list(tables_of(connection))}


def _print(connection: psycopg.Connection[Any], table: Table) -> Print:
    digest = hashlib.sha256()
    statement = _COPY.format(columns=table.columns, table=table.name, order=table.order)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as rows:
            for block in rows:
                digest.update(block)
        return Print(cursor.rowcount, digest.hexdigest())
