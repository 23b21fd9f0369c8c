"""The database server, and PostgreSQL's own programs that are good enough for it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from django.db import connection
from psycopg import sql

from raiox.backups.errors import BackupError
from raiox.embedded_postgres.places import ClusterError, tool

_MAINTENANCE: Final = ("postgres", "template1")
"""Databases to be connected to while others are made, renamed and dropped: the first that opens."""
_FOLDERS: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/*/bin")
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
# What a program of PostgreSQL is given of our own environment, beside the connection.
_KEPT: Final = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True)
class Database:
    """A database and what leads to it: libpq's parameters, without the database's name."""

    name: str
    parameters: dict[str, Any] = field(repr=False)

    @classmethod
    def configured(cls) -> "Database":
        """That of the settings."""
        given = connection.get_connection_params()
        known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
        kept = {name: value for name, value in given.items() if name in known - {"dbname"}}
        return cls(given["dbname"], kept)

    def sibling(self, name: str) -> "Database":
        """Another database of the same server."""
        return replace(self, name=name)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of its own, which commits each statement. Raises `BackupError`."""
        try:
            return psycopg.connect(dbname=self.name, autocommit=True, **self.parameters)
        except psycopg.OperationalError as error:
            raise BackupError(f"No connection to the database {self.name}: {error}") from error

    def environment(self) -> dict[str, str]:
        """The same for PostgreSQL's programs: a password on a command line could be seen by all."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        kept |= {name: value for name, value in os.environ.items() if name.startswith("PG")}
        given = {**self.parameters, "dbname": self.name}
        ours = {
            option.envvar.decode(): str(given[option.keyword.decode()])
            for option in psycopg.pq.Conninfo.get_defaults()
            if option.envvar and given.get(option.keyword.decode()) is not None
        }
        return {**kept, **ours, "LC_ALL": "C"}

    def maintenance(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to the server that keeps none of its databases from being changed."""
        first, second = map(self.sibling, _MAINTENANCE)
        try:
            return first.connect()
        except BackupError:  # there is none, or it is closed to this account
            return second.connect()

    def version(self) -> int:
        """The server's major version."""
        with self.connect() as open_connection:
            return open_connection.info.server_version // 10000

    def exists(self) -> bool:
        """Whether the server has it."""
        with self.maintenance() as open_connection:
            asked = "SELECT 1 FROM pg_database WHERE datname = %s"
            return open_connection.execute(asked, [self.name]).fetchone() is not None

    def tables(self) -> list[str]:
        """The names of all tables in it; none for one that is not there."""
        if not self.exists():
            return []
        with self.connect() as open_connection:
            return [table.text for table in tables_of(open_connection)]


class Table(NamedTuple):
    """A table: what people call it, its name, and how its rows are told and put in order."""

    text: str
    name: sql.Identifier
    columns: sql.Composable
    order: sql.Composable


class Program(NamedTuple):
    """A program of PostgreSQL; `version` is (major, minor)."""

    path: Path
    version: tuple[int, int]


# Parts of partitioned tables are told with the whole, and what belongs to an extension by it.
_TABLES: Final = """
SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""
_COLUMNS: Final = """
SELECT a.attname, t.typcategory, coalesce(a.attnum = ANY (i.indkey), false)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname COLLATE "C"
"""


def tables_of(open_connection: psycopg.Connection[Any]) -> Iterator[Table]:
    """The tables of the connection's database; their rows are in order by the primary key."""
    for oid, schema, table in open_connection.execute(_TABLES).fetchall():
        columns = open_connection.execute(_COLUMNS, [oid]).fetchall()
        keys = [row for row in columns if row[2]] or columns
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _, _ in columns)
        order = sql.SQL(", ").join(_in_order(row) for row in keys)
        text = table if schema == "public" else f"{schema}.{table}"
        yield Table(text, sql.Identifier(schema, table), names, order)


def _in_order(column: tuple[str, str, bool]) -> sql.Composable:
    """Text is sorted by its bytes: each server has collations of its own."""
    name = sql.Identifier(column[0])
    return sql.SQL('{} COLLATE "C"').format(name) if column[1] == "S" else name


def program(name: str, *, at_least: int) -> Program:
    """PostgreSQL's program `name`, of the lowest major version from `at_least` on.

    An older one can't read a newer server, or a newer dump. Raises `BackupError` if there is none.
    """
    found = [Program(path, version) for path in _places(name) if (version := _version(path))]
    fitting = [each for each in found if each.version[0] >= at_least]
    if not fitting:
        seen = ", ".join(f"{path} ({version[0]})" for path, version in found) or "none"
        raise BackupError(
            f"{name} of PostgreSQL {at_least} or newer is needed; found: {seen}. "
            f"Install postgresql-client-{at_least}."
        )
    return min(fitting, key=lambda each: (each.version[0], -each.version[1]))


def _places(name: str) -> Iterator[Path]:
    if in_path := shutil.which(name):
        yield Path(in_path)
    for pattern in _FOLDERS:
        yield from Path("/").glob(f"{pattern[1:]}/{name}")
    with suppress(ClusterError):
        yield tool(name)


def _version(path: Path) -> tuple[int, int] | None:
    try:
        said = subprocess.run(  # noqa: S603  # PostgreSQL's own programs
            [path, "--version"], capture_output=True, text=True, check=False, timeout=20
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(said)
    return (int(found[1]), int(found[2] or 0)) if found else None


def complaints(lines: Iterable[str]) -> str:
    """What a program said went wrong, without the rows that it quotes after it."""
    said = [line.strip() for line in lines if re.match(r"pg_\w+: (error|detail|fatal)", line)]
    return "\n".join(said[:5]) or "it gave no reason"
