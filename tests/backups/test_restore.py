"""What a restore refuses, and what it leaves as it was."""

import shlex
import threading
import time
from collections.abc import Iterator
from typing import Final, LiteralString

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import OperationalError, sql

from implants.models import ReferenceVector
from raiox.backups import restoring, rights
from raiox.backups.encryption import Keys
from raiox.backups.newest import newest_backup
from raiox.backups.postgres import Database
from raiox.backups.restoring import restored
from raiox.backups.rights import Server
from raiox.backups.storage import Bucket, Download
from raiox.golive.backups import left_by_restores
from raiox.golive.line import Plan, Status
from tests.backups.conftest import databases, on_server
from tests.backups.test_keeping import back_up
from tests.backups.test_round_trip import run, seed


def ours(database: Database) -> set[str]:
    """The test's databases on the server: its own, and whatever a restore left."""
    return {name for name in databases() if name.startswith(database.name)}


def rows(database: Database) -> int:
    with database.connect() as open_connection:
        [(count,)] = open_connection.execute("SELECT count(*) FROM reference_vectors").fetchall()
    return int(count)


def flip(bucket: Bucket, key: str, position: int) -> None:
    data = bytearray(bucket.read(key))
    data[position] ^= 1
    bucket.put(key, bytes(data))


def test_a_database_that_holds_something_is_refused(database: Database, bucket: Bucket) -> None:
    seed()
    run("backup_database")
    ReferenceVector.objects.all()[:1].get().delete()
    with pytest.raises(CommandError, match=r"holds .* tables. --replace"):
        run("restore_database")
    assert ours(database) == {database.name}
    assert rows(database) == 59


def test_replaced_means_kept_under_another_name(database: Database, bucket: Bucket) -> None:
    seed()
    run("backup_database")
    ReferenceVector.objects.all()[:1].get().delete()
    # Somebody is connected: Django is.
    said = run("restore_database", "--replace")
    connection.close()
    assert rows(database) == 60
    [kept] = ours(database) - {database.name}
    assert f"kept as {kept}:" in said
    assert rows(database.sibling(kept)) == 59


_AS_A_DATABASE = """
SELECT 'grant', coalesce(r.rolname, 'PUBLIC'),
    a.privilege_type || a.is_grantable FROM pg_database d
CROSS JOIN LATERAL aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE d.datname = '{0}'
UNION ALL SELECT 'setting', setrole::regrole::text, setconfig::text FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = '{0}')
UNION ALL SELECT 'limit', '', datconnlimit::text FROM pg_database WHERE datname = '{0}'
"""


def test_what_is_restored_has_the_rights_and_settings_of_what_it_replaces(
    database: Database, bucket: Bucket
) -> None:
    seed()
    role = f"{database.name}_role"
    on_server("CREATE ROLE {}", role)
    try:
        on_server("REVOKE ALL ON DATABASE {} FROM PUBLIC", database.name)
        on_server("GRANT CONNECT ON DATABASE {} TO {} WITH GRANT OPTION", database.name, role)
        on_server("ALTER DATABASE {} CONNECTION LIMIT 77", database.name)
        on_server("ALTER DATABASE {} SET statement_timeout = '7min'", database.name)
        on_server("ALTER DATABASE {} SET search_path = public, pg_temp", database.name)
        on_server("ALTER ROLE {} IN DATABASE {} SET work_mem = '5MB'", role, database.name)
        before = set(on_server(_AS_A_DATABASE.format(database.name)))
        assert len(before) == 3 + 1 + 2 + 1
        run("backup_database")
        said = run("restore_database", "--replace")
        assert "Not put back" not in said
        assert set(on_server(_AS_A_DATABASE.format(database.name))) == before
    finally:
        on_server("DROP OWNED BY {}", role)
        on_server("DROP ROLE {}", role)


def test_what_was_replaced_is_named_until_the_command_that_is_told_drops_it(
    database: Database, bucket: Bucket
) -> None:
    plan = Plan(url="http://127.0.0.1:1")
    seed()
    run("backup_database")
    assert left_by_restores(plan).status == Status.OK
    rehearsed = f"{database.name}_rehearsal_before_20260101_000000_000000"
    on_server("CREATE DATABASE {}", rehearsed)
    assert left_by_restores(plan).seen == f"1 of before a restore: {rehearsed}"
    on_server("DROP DATABASE {}", rehearsed)
    said = [run("restore_database", "--replace") for _ in range(2)]
    older, newer = sorted(ours(database) - {database.name})
    line = left_by_restores(plan)
    assert (line.status, line.seen) == (Status.WARN, f"2 of before a restore: {older}, {newer}")
    assert f"dbshell -- -c 'DROP DATABASE \"{older}\"'" in said[0]
    command, *words = shlex.split(line.todo.partition("manage.py ")[2])
    call_command(command, *words)
    assert ours(database) == {database.name}
    assert left_by_restores(plan).seen == "none"


def test_another_database_of_the_server_takes_it(database: Database, bucket: Bucket) -> None:
    seed()
    run("backup_database")
    rehearsal = database.sibling(f"{database.name}_rehearsal")
    run("restore_database", "--into", rehearsal.name)
    assert rows(rehearsal) == 60
    assert ours(database) == {database.name, rehearsal.name}
    asked = f"SELECT has_database_privilege('public', '{rehearsal.name}', 'CONNECT')"
    assert on_server(asked) == [(False,)], "it holds patients' data, too"


def test_a_database_without_tables_is_replaced_and_not_kept(
    database: Database, bucket: Bucket
) -> None:
    seed()
    run("backup_database")
    empty = database.sibling(f"{database.name}_empty")
    on_server("CREATE DATABASE {}", empty.name)
    with empty.connect():
        assert "kept as" not in run("restore_database", "--into", empty.name)
    assert rows(empty) == 60
    assert ours(database) == {database.name, empty.name}


def test_an_older_backup_is_named(database: Database, bucket: Bucket) -> None:
    seed()
    older = back_up()
    ReferenceVector.objects.all()[:1].get().delete()
    back_up()
    target = database.sibling(f"{database.name}_older")
    stamp = older.dump.rpartition("/")[2].removesuffix(".dump")
    # Two restores in one second too: each keeps what was there under a name of its own.
    for name in (stamp, older.dump, older.key):
        run("restore_database", name, "--into", target.name, "--replace")
    assert rows(target) == 60
    assert len(ours(database)) == 4
    with pytest.raises(CommandError, match="There is no backup 1999"):
        run("restore_database", "1999", "--into", target.name)


def test_a_damaged_backup_is_refused_before_anything_is_restored(
    database: Database, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = back_up()
    monkeypatch.setattr("raiox.backups.restoring._fill", None)
    for position in (0, 5000, -1):
        flip(bucket, manifest.dump, position)
        for command in ("restore_database --replace", "verify_backup"):
            with pytest.raises(CommandError, match="is damaged: its SHA-256 is"):
                run(*command.split())
        flip(bucket, manifest.dump, position)


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_damage_between_the_check_and_the_restore_is_noticed(
    database: Database,
    bucket: Bucket,
    is_encrypted: bool,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_encrypted:
        request.getfixturevalue("encrypted")
    seed()
    manifest = back_up()
    monkeypatch.setattr("raiox.backups.restoring.check_sha256", lambda *_: None)
    flip(bucket, manifest.dump, -4000)
    with pytest.raises(CommandError):
        run("restore_database", "--replace")
    assert ours(database) == {database.name}
    assert rows(database) == 60


def test_an_object_replaced_while_it_is_read_is_noticed(bucket: Bucket) -> None:
    bucket.put("x", b"a" * 9 * 2**20)
    stream = Download(bucket, "x")
    assert stream.read(10) == b"a" * 10
    bucket.put("x", b"b" * 9 * 2**20)
    with pytest.raises(Exception, match="PreconditionFailed"):
        while stream.read(2**20):
            pass


def test_an_interrupted_restore_is_swept_up_by_the_next(database: Database, bucket: Bucket) -> None:
    back_up()
    on_server("CREATE DATABASE {}", f"{database.name}__restoring")
    run("restore_database", "--replace")
    assert len(ours(database)) == 2


def test_two_restores_at_once_are_refused(database: Database, bucket: Bucket) -> None:
    back_up()
    backup = newest_backup()
    assert backup is not None
    with (
        restored(backup, database, Keys(""), lambda _: None),
        pytest.raises(CommandError, match="Another restore"),
    ):
        run("verify_backup")


@pytest.fixture
def plain(
    database: Database, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """A backup, and where it may go: a database to be made by an account that is no superuser.

    The commands run as that account, as in production.
    """
    seed()
    back_up()
    role = f"{database.name}_role"
    # A server that asks for passwords asks this one for the same as ours.
    password = sql.Literal(database.parameters.get("password")).as_string(None)
    on_server(f"CREATE ROLE {{}} LOGIN CREATEDB PASSWORD {password}", role)
    plain = Database(f"{database.name}_plain", {**database.parameters, "user": role})
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Database, "configured", lambda: plain)
            yield plain
    finally:
        on_server("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
        with database.sibling("template1").connect() as template:
            template.execute("DROP EXTENSION IF EXISTS vector")
        for name in databases():
            if name.startswith(plain.name):
                on_server("DROP DATABASE {} WITH (FORCE)", name)
        on_server("DROP ROLE {}", role)


@pytest.fixture
def changed(database: Database, plain: Database) -> Database:
    """The same, restored once and changed since: there is a row less."""
    with database.sibling("template1").connect() as template:
        template.execute("CREATE EXTENSION vector")
    run("restore_database")
    with plain.connect() as open_connection:
        open_connection.execute(
            "DELETE FROM reference_vectors WHERE id = (SELECT min(id) FROM reference_vectors)"
        )
    assert rows(plain) == 59
    return plain


def test_an_account_that_is_no_superuser_can_restore(database: Database, plain: Database) -> None:
    with pytest.raises(CommandError, match="psql template1 -c 'CREATE EXTENSION vector'"):
        run("restore_database")
    with database.sibling("template1").connect() as template:
        template.execute("CREATE EXTENSION vector")
    run("restore_database")
    assert rows(plain) == 60
    with database.connect() as superuser:
        superuser.execute(f"ALTER DATABASE {plain.name} SET log_statement = 'none'")
    assert "superuser must: ALTER DATABASE … SET log_statement = none" in run(
        "restore_database", "--replace"
    )
    with database.connect() as superuser:
        closed = f"SELECT has_database_privilege('public', '{plain.name}', 'CONNECT')"
        assert superuser.execute(closed).fetchall() == [(False,)]
    run("backup_database")
    assert "The backup is whole" in run("verify_backup")
    with database.connect() as superuser:
        superuser.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    with plain.maintenance() as elsewhere:
        assert elsewhere.info.dbname == "template1"


def is_open(database: Database) -> bool:
    with database.maintenance() as server:
        asked = "SELECT datallowconn FROM pg_database WHERE datname = %s"
        return server.execute(asked, [database.name]).fetchall() == [(True,)]


def names_like(plain: Database) -> list[str]:
    return sorted(name for name in databases() if name.startswith(plain.name))


_OTHERS: Final = """
SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'autovacuum worker'
"""


@pytest.fixture
def vacuumed(database: Database, changed: Database) -> Iterator[Database]:
    """PostgreSQL is at work in it by itself, slowly enough to be met there."""
    with changed.connect() as owner:
        owner.execute("CREATE TABLE busy WITH (autovacuum_vacuum_cost_delay = 100,"
            " autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1)"
            " AS SELECT generate_series(1, 300000) AS number")  # fmt: skip
        owner.execute("UPDATE busy SET number = number + 1")
    with database.connect() as superuser:
        superuser.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        superuser.execute("SELECT pg_reload_conf()")
        try:
            for _ in range(600):
                [(count,)] = superuser.execute(_OTHERS, [changed.name]).fetchall()
                if count:
                    break
                time.sleep(0.1)
            assert count, "autovacuum does not come"
            yield changed
        finally:
            superuser.execute("ALTER SYSTEM RESET autovacuum_naptime")
            superuser.execute("SELECT pg_reload_conf()")


def test_autovacuum_is_sent_away(database: Database, vacuumed: Database) -> None:
    # Ours are too, and so is the account's own.
    with vacuumed.connect() as visitor:
        said = run("restore_database", "--replace")
        with pytest.raises(OperationalError):
            visitor.execute("SELECT 1")
    assert rows(vacuumed) == 60
    kept = vacuumed.sibling(next(name for name in names_like(vacuumed) if "_before_" in name))
    assert f"kept as {kept.name}:" in said
    assert rows(kept) == 59
    assert is_open(vacuumed) and is_open(kept)


def test_a_superuser_who_stays_is_named_and_everything_is_as_it_was(
    database: Database, changed: Database
) -> None:
    with database.sibling(changed.name).connect() as superuser:
        superuser.execute("SET application_name = 'pgAdmin'")
        with pytest.raises(CommandError) as raised:
            run("restore_database", "--replace")
        assert superuser.execute("SELECT 1").fetchone() == (1,)
        who = superuser.info.user
    assert f"Sessions that this account may not end: {who} in {changed.name} (pgAdmin)" in str(
        raised.value
    )
    assert names_like(changed) == [changed.name]
    assert is_open(changed)
    assert rows(changed) == 59


def test_a_superuser_who_goes_is_waited_for(
    database: Database, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser = database.sibling(changed.name).connect()
    send_away = restoring._send_away

    def and_leave(server: Server, name: str) -> None:
        send_away(server, name)
        threading.Timer(0.5, superuser.close).start()

    monkeypatch.setattr(restoring, "_send_away", and_leave)
    run("restore_database", "--replace")
    assert rows(changed) == 60


def test_whoever_is_in_the_new_one_keeps_the_old_one_in_its_place(
    database: Database, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of both renamings is possible, the second is not: none of them is done."""
    take_over = rights.take_over
    sessions = []

    def and_enter(server: Server, source: str, target: str) -> list[str]:
        sessions.append(database.sibling(target).connect())
        return take_over(server, source, target)

    monkeypatch.setattr(rights, "take_over", and_enter)
    with pytest.raises(CommandError, match=f"may not end: .* in {changed.name}__restoring "):
        run("restore_database", "--replace")
    assert is_open(changed)
    assert rows(changed) == 59
    assert names_like(changed) == [changed.name, f"{changed.name}__restoring"]
    with pytest.raises(CommandError, match="__restoring could not be dropped"):
        run("restore_database", "--replace")
    for session in sessions:
        session.close()
    monkeypatch.undo()


def test_a_restore_that_is_broken_off_between_the_names_changes_nothing(
    changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = restoring._sql

    def broken_off(statement: LiteralString, *names: str) -> sql.Composed:
        if "RENAME" in statement and names[0].endswith("__restoring"):
            raise KeyboardInterrupt
        return first(statement, *names)

    monkeypatch.setattr(restoring, "_sql", broken_off)
    with pytest.raises(KeyboardInterrupt):
        run("restore_database", "--replace")
    assert names_like(changed) == [changed.name]
    assert is_open(changed)
    assert rows(changed) == 59


def test_a_server_that_ends_the_session_between_the_names_changes_nothing(
    database: Database, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = restoring._sql

    def ended(statement: LiteralString, *names: str) -> sql.Composed:
        if "RENAME" in statement and names[0].endswith("__restoring"):
            with database.connect() as superuser:
                superuser.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE usename = %s",
                    [changed.parameters["user"]],
                )
        return first(statement, *names)

    monkeypatch.setattr(restoring, "_sql", ended)
    with pytest.raises(CommandError, match=f"could not take the name {changed.name}"):
        run("restore_database", "--replace")
    assert changed.name in names_like(changed)
    assert is_open(changed)
    assert rows(changed) == 59


def test_a_server_that_is_too_old_is_refused(
    database: Database, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up()
    monkeypatch.setattr(Database, "version", lambda _: 16)
    with pytest.raises(CommandError, match="backup is of PostgreSQL 18, this server is 16"):
        run("restore_database", "--replace")


def test_no_backup_is_said(database: Database, bucket: Bucket) -> None:
    for command in ("restore_database", "verify_backup"):
        with pytest.raises(CommandError, match="no backup in the bucket"):
            run(command)
