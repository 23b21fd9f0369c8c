"""Which of PostgreSQL's programs is taken, and what it is told of the database."""

from pathlib import Path

import pytest

from raiox.backups import postgres
from raiox.backups.dumping import back_up
from raiox.backups.encryption import Keys
from raiox.backups.errors import BackupError
from raiox.backups.fingerprint import differences, fingerprint
from raiox.backups.postgres import Database, complaints, program


def fake(folder: Path, version: str) -> Path:
    """A `pg_dump` that tells this version."""
    path = folder / version / "pg_dump"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\necho "pg_dump (PostgreSQL) {version}"\n')
    path.chmod(0o755)
    return path


def test_an_older_one_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = ["15.18 (Debian 15.18-0+deb12u1)", "17.2", "17.4", "18.4", "19beta1", "of dust"]
    paths = {version: fake(tmp_path, version) for version in versions}
    paths["broken"] = tmp_path / "there-is-none"
    monkeypatch.setattr(postgres, "_places", lambda _: iter(paths.values()))
    assert program("pg_dump", at_least=15).path == paths[versions[0]]
    assert program("pg_dump", at_least=16) == (paths["17.4"], (17, 4))
    assert program("pg_dump", at_least=18) == (paths["18.4"], (18, 4))
    assert program("pg_dump", at_least=19) == (paths["19beta1"], (19, 0))
    with pytest.raises(BackupError, match=r"pg_dump of PostgreSQL 20 or newer .*\(15\).*client-20"):
        program("pg_dump", at_least=20)


def test_the_bundled_ones_are_found_wherever_there_are_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(postgres, "_FOLDERS", ())
    for name in ("pg_dump", "pg_restore"):
        assert "pgserver" in str(program(name, at_least=18).path)


def test_a_server_newer_than_all_programs_is_refused(
    database: Database, bucket: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "version", lambda _: 99)
    with pytest.raises(BackupError, match="pg_dump of PostgreSQL 99 or newer is needed"):
        back_up(database, Keys(""), lambda _: None)


def test_programs_are_told_everything_by_their_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKUP_SECRET", "not for pg_dump")
    monkeypatch.setenv("PGPASSFILE", "/run/passwords")
    word = "-".join(("no", "password"))
    parameters = {"host": "db.example", "port": 5433, "user": "raiox", "sslmode": "verify-full"}
    database = Database("raiox", {**parameters, "password": word})
    found = database.environment()
    expected = {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "raiox",
        "PGPASSWORD": word,
        "PGSSLMODE": "verify-full",
        "PGDATABASE": "raiox",
        "PGPASSFILE": "/run/passwords",
        "LC_ALL": "C",
    }
    assert found.items() >= expected.items()
    assert "BACKUP_SECRET" not in found
    assert word not in repr(database)


def test_a_server_that_does_not_answer_is_told() -> None:
    with pytest.raises(BackupError, match="No connection to the database raiox"):
        Database("raiox", {"host": "127.0.0.1", "port": 9}).connect()


def test_rows_that_a_program_quotes_are_not_repeated() -> None:
    said = [
        'pg_restore: error: COPY failed for table "cases": ERROR:  duplicate key\n',
        "DETAIL:  Key (patient)=(Yolanda) already exists.\n",
        "CONTEXT:  COPY cases, line 1: Yolanda\n",
        "Command was: COPY cases FROM stdin\n",
    ]
    assert complaints(said) == said[0].strip()
    assert complaints([]) == "it gave no reason"


def test_parts_of_a_table_are_told_with_the_whole(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "CREATE SCHEMA other; CREATE TABLE other.notes (a text, b int);"
            "CREATE TABLE whole (id int PRIMARY KEY, word text) PARTITION BY RANGE (id);"
            "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (10);"
            "INSERT INTO whole VALUES (1, 'é'), (2, NULL)"
        )
        before = fingerprint(database)
        assert before["whole"].rows == 2
        assert "other.notes" in before
        assert "part" not in before
        # The same rows, written in another order.
        connection.execute("DELETE FROM whole; INSERT INTO whole VALUES (2, NULL), (1, 'é')")
        assert fingerprint(database) == before
        connection.execute("UPDATE whole SET word = '' WHERE id = 2")
        assert differences(before, fingerprint(database)) == [
            "whole has other values than were backed up."
        ]
