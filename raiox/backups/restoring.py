"""A backup of the database back into a server: proved first, put in place last.

It is read twice: once for its checksum, once into pg_restore. It becomes a new database, which is
compared with what was noted when the backup was made, and only then takes its name; whatever had
the name before keeps all that it holds, under another.
"""

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from raiox.backups import rights
from raiox.backups.encryption import Keys
from raiox.backups.errors import BackupError, DamagedError, NotEmptyError
from raiox.backups.fingerprint import differences, fingerprint
from raiox.backups.manifest import Manifest
from raiox.backups.newest import Backup, database_bucket
from raiox.backups.postgres import Database, complaints, program
from raiox.backups.rights import Server
from raiox.backups.storage import Bucket, Download, Told

Progress = Callable[[int], object]
_NAME_LIMIT: Final = 63  # PostgreSQL cuts longer ones
_IN_PROGRESS: Final = "__restoring"
_KEPT: Final = re.compile(r"_before_\d{8}_\d{6}_\d{6}$")
_PIECE: Final = 256 * 1024
_RESTORE: Final = ("--single-transaction", "--no-owner", "--no-privileges", "--no-comments")


class Restored(NamedTuple):
    """Under which name is kept what was there ('' for nothing), and what only a superuser may set.

    `unset` are settings of the database that was replaced, as "NAME = VALUE".
    """

    kept: str
    unset: list[str]


def kept_databases() -> list[str]:
    """What restores of this database replaced and nobody has dropped yet, the oldest first.

    Those of rehearsals too, if their names begin with its name.
    """
    ours = Database.configured()
    with ours.maintenance() as maintenance:
        rows = maintenance.execute("SELECT datname FROM pg_database").fetchall()
    found = [(match[0], name) for (name,) in rows if (match := _KEPT.search(name))]
    return [
        name
        for kept, name in sorted(found)
        if name.startswith(ours.name[: _NAME_LIMIT - len(kept)])
    ]


def dropping(names: list[str]) -> str:
    """The command that drops these databases."""
    statements = " ".join(f"-c 'DROP DATABASE \"{name}\"'" for name in names)
    return f"manage.py dbshell -- {statements}"


def check_sha256(bucket: Bucket, manifest: Manifest, progress: Progress) -> None:
    """Read the whole dump. Raises `DamagedError` unless it is what was stored."""
    dump = Download(bucket, manifest.dump)
    while piece := dump.read(_PIECE):
        progress(len(piece))
    _compare_sha256(dump, manifest)


def restore(
    backup: Backup, target: Database, keys: Keys, progress: Progress, *, replace: bool
) -> Restored:
    """Make `target` what the backup shows, with the rights and settings that it has now.

    Raises `NotEmptyError` if it holds tables and `replace` is not set, `DamagedError` and
    `BackupError`; then `target` is as it was. `progress` is told of twice the backup's size.
    """
    if not replace:
        refuse_if_not_empty(target)
    check_sha256(database_bucket(), backup.manifest, progress)
    with restored(backup, target, keys, progress) as new:
        return _put_in_place(new, target, replace=replace)


def refuse_if_not_empty(target: Database) -> None:
    """Raises `NotEmptyError` if there is a table in it."""
    if tables := target.tables():
        raise NotEmptyError(
            f"The database {target.name} holds {len(tables)} tables. --replace puts the backup in "
            "its place and keeps it under another name."
        )


@contextmanager
def restored(
    backup: Backup, beside: Database, keys: Keys, progress: Progress
) -> Iterator[Database]:
    """A database of its own with what the backup holds, dropped afterwards if it is still there.

    Raises `DamagedError` if it is not what was backed up, table by table.
    """
    scratch = beside.sibling(beside.name[: _NAME_LIMIT - len(_IN_PROGRESS)] + _IN_PROGRESS)
    with _alone(beside) as maintenance:
        _drop(maintenance, scratch)  # what a killed attempt left
        maintenance.execute(_sql("CREATE DATABASE {} ENCODING 'UTF8'", scratch.name))
        try:
            rights.close(maintenance, scratch.name)
            _fill(scratch, backup.manifest, keys, progress)
            if found := differences(backup.manifest.tables, fingerprint(scratch)):
                raise DamagedError("It is not what was backed up: " + " ".join(found))
            yield scratch
        except BaseException:
            with suppress(BackupError):  # the next attempt drops it; this one's reason counts
                _drop(maintenance, scratch)
            raise
        _drop(maintenance, scratch)


@contextmanager
def _alone(database: Database) -> Iterator[Server]:
    """A connection to the server, for one restore at a time; another one is refused."""
    with database.maintenance() as connection:
        number = int.from_bytes(hashlib.sha256(database.name.encode()).digest()[:8], signed=True)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone()
        if not (row and row[0]):
            raise BackupError(f"Another restore for {database.name} is running on this server.")
        yield connection


def _fill(scratch: Database, manifest: Manifest, keys: Keys, progress: Progress) -> None:
    server = scratch.version()
    if server < manifest.postgres:
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.postgres}, this server is {server}: restore it "
            "on the same version or a newer one."
        )
    tool = program("pg_restore", at_least=max(server, manifest.tool))
    dump = Download(database_bucket(), manifest.dump)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603  # PostgreSQL's own program
            [str(tool.path), *_RESTORE, "--no-password", f"--dbname={scratch.name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=scratch.environment(),
        )
        with process:
            try:
                _feed(process, manifest, keys, Told(dump, progress))
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said.seek(0)
            raise BackupError(_explained(complaints(said)))
    _compare_sha256(dump, manifest)
    with scratch.connect() as connection:
        connection.execute("ANALYZE")


def _feed(process: "subprocess.Popen[bytes]", manifest: Manifest, keys: Keys, dump: Told) -> None:
    assert process.stdin  # noqa: S101  # for the type checker
    try:
        keys.decrypt(manifest.encryption, dump, process.stdin)
        process.stdin.close()
    except BrokenPipeError:  # pg_restore has ended already, and says why itself
        with suppress(BrokenPipeError):
            process.stdin.close()


def _explained(complaint: str) -> str:
    hint = ""
    if "permission denied to create extension" in complaint:
        hint = "\nOnce, as a superuser of the server: psql template1 -c 'CREATE EXTENSION vector'"
    return f"pg_restore failed: {complaint}{hint}"


def _put_in_place(new: Database, target: Database, *, replace: bool) -> Restored:
    """Give `new` the name of `target`, and who may connect to it."""
    if not replace:
        refuse_if_not_empty(target)  # once more: the restore took its time
    is_empty = not target.tables()
    kept = _name_before(target.name) if target.exists() else ""
    names = ({target.name: kept} if kept else {}) | {new.name: target.name}
    with target.maintenance() as maintenance:
        unset = rights.take_over(maintenance, target.name, new.name) if kept else []
        with _closed(maintenance, target, names):
            _rename(maintenance, names)
        if kept and is_empty:
            with suppress(BackupError):  # then it is told of, as one that holds something is
                _drop(maintenance, target.sibling(kept))
                kept = ""
    return Restored(kept, unset)


@contextmanager
def _closed(maintenance: Server, target: Database, names: Iterable[str]) -> Iterator[None]:
    """Nobody is in these databases nor comes in; if it fails they are open again.

    Raises `BackupError` with what went wrong.
    """
    try:
        for name in names:
            maintenance.execute(_sql("ALTER DATABASE {} ALLOW_CONNECTIONS false", name))
            _send_away(maintenance, name)
        yield
    except psycopg.Error as error:
        visitors = _visitors(maintenance, names)  # before it is open again
        told = f"The backup could not take the name {target.name}: {error}{visitors}"
        _open(target, names)
        raise BackupError(told) from error
    except BaseException:
        _open(target, names)
        raise


def _send_away(maintenance: Server, name: str) -> None:
    """End the sessions that this account may end.

    Others may leave by themselves: renaming waits five seconds for them. What has no role is
    PostgreSQL's own (autovacuum), and renaming sends it away.
    """
    asked = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usesysid IS NOT NULL"
    for (pid,) in maintenance.execute(asked, [name]).fetchall():
        with suppress(psycopg.errors.InsufficientPrivilege):
            maintenance.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def _rename(maintenance: Server, names: dict[str, str]) -> None:
    """All of them or none, and open again: at no moment a name is without its database."""
    with maintenance.transaction():
        for name, new_name in names.items():
            maintenance.execute(_sql("ALTER DATABASE {} RENAME TO {}", name, new_name))
            maintenance.execute(_sql("ALTER DATABASE {} ALLOW_CONNECTIONS true", new_name))


def _open(target: Database, names: Iterable[str]) -> None:
    """Let people connect again, over a connection of its own: the other one may be broken."""
    statements = [_sql("ALTER DATABASE {} ALLOW_CONNECTIONS true", name) for name in names]
    try:
        with target.maintenance() as maintenance:
            for statement in statements:
                maintenance.execute(statement)
    except (BackupError, psycopg.Error) as error:
        told = "; ".join(statement.as_string(None) for statement in statements)
        raise BackupError(
            f"{target.name} is as it was, but takes no connections before somebody runs: {told} "
            f"({error})"
        ) from error


def _visitors(maintenance: Server, names: Iterable[str]) -> str:
    """Whose sessions there are in these databases, for people; empty if nobody is known."""
    if maintenance.closed:
        return ""
    asked = """SELECT DISTINCT datname, usename, application_name FROM pg_stat_activity
        WHERE datname = ANY(%s) AND usesysid IS NOT NULL ORDER BY 1, 2, 3"""
    found = maintenance.execute(asked, [list(names)]).fetchall()
    told = ", ".join(f"{role} in {name} ({what or 'unnamed'})" for name, role, what in found)
    return (
        f"\nSessions that this account may not end: {told}. Close them and repeat." if told else ""
    )


def _drop(maintenance: Server, database: Database) -> None:
    """Raises `BackupError` if somebody is in it whom this account may not send away."""
    try:
        maintenance.execute(_sql("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name))
    except psycopg.Error as error:
        visitors = _visitors(maintenance, [database.name])
        told = f"The database {database.name} could not be dropped: {error}{visitors}"
        raise BackupError(told) from error


def _name_before(name: str) -> str:
    suffix = datetime.now(UTC).strftime("_before_%Y%m%d_%H%M%S_%f")  # as _KEPT knows it
    return name[: _NAME_LIMIT - len(suffix)] + suffix


def _sql(statement: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))


def _compare_sha256(dump: Download, manifest: Manifest) -> None:
    if dump.sha256 != manifest.sha256:
        raise DamagedError(
            f"{manifest.dump} is damaged: its SHA-256 is {dump.sha256}, {manifest.sha256} was "
            "stored. Nothing was restored; take another backup."
        )
