"""How long backups are kept, and which count."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from raiox.backups import dumping
from raiox.backups.encryption import Keys
from raiox.backups.errors import DamagedError
from raiox.backups.keeping import delete_old
from raiox.backups.manifest import Manifest
from raiox.backups.newest import newest_backup
from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket, Upload
from tests.backups.conftest import RANDOM_MEGABYTES, keys_in, unfinished_in
from tests.backups.test_round_trip import run


def back_up() -> Manifest:
    run("backup_database")
    backup = newest_backup()
    assert backup is not None
    return backup.manifest


@pytest.fixture
def failing_dump(
    database: Database,
    bucket: Bucket,
    execute: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is one backup; the server ends pg_dump's connection in the middle of the next."""
    back_up()
    execute(RANDOM_MEGABYTES.format(16))

    class Bar:
        seen = 0

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            # What lay in buffers still arrives, over TCP more than over a socket.
            assert 2**20 < self.seen < 12 * 2**20

        def update(self, size: int) -> None:
            self.seen += size
            if self.seen > 2**20:
                execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'pg_dump' AND datname = current_database()"
                )

    monkeypatch.setattr("raiox.management.commands.backup_database.progress_bar", Bar)


def age(bucket: Bucket, days: float, *keys: str) -> None:
    """Let so many days pass since these objects were written, as the store tells it."""
    stored = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket.name].keys
    for key in keys:
        stored[key].last_modified -= timedelta(days=days)


def test_the_newest_is_told(database: Database, bucket: Bucket) -> None:
    assert newest_backup() is None
    first, second = back_up(), back_up()
    backup = newest_backup()
    assert backup is not None
    assert backup.manifest == second != first
    assert backup.when == second.taken_at > first.taken_at
    assert backup.size == bucket.head(second.dump)["ContentLength"]
    assert not backup.is_encrypted


def test_old_ones_go_after_a_new_one(database: Database, bucket: Bucket, settings: Any) -> None:
    settings.BACKUP_DAYS = 30
    old, young = back_up(), back_up()
    age(bucket, 30.1, old.key, old.dump)
    age(bucket, 29.9, young.key, young.dump)
    new = back_up()
    assert set(keys_in(bucket)) == {young.key, young.dump, new.key, new.dump}


def test_old_ones_stay_while_no_new_one_is_good(
    database: Database, bucket: Bucket, failing_dump: None
) -> None:
    old = newest_backup()
    assert old is not None
    age(bucket, 300, old.manifest.key, old.manifest.dump)
    with pytest.raises(CommandError, match=r"pg_dump failed.*random_megabytes"):
        run("backup_database")
    assert set(keys_in(bucket)) == {old.manifest.key, old.manifest.dump}
    assert old == newest_backup()


def test_a_dump_that_fails_in_the_middle_leaves_nothing(
    database: Database, bucket: Bucket, encrypted: str, failing_dump: None
) -> None:
    before = keys_in(bucket)
    with pytest.raises(CommandError, match="pg_dump failed"):
        run("backup_database")
    assert keys_in(bucket) == before
    assert unfinished_in(bucket) == []


def test_an_upload_that_was_cut_is_no_backup(
    database: Database, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = back_up()
    # The process was killed in the middle of a dump, and another one before its manifest.
    killed = Upload(bucket, "test/database/2099-01-01T00-00-00.000Z.dump")
    killed.write(b"x" * 17 * 2**20)
    complete = "test/database/2099-01-02T00-00-00.000Z.dump"
    bucket.put(complete, b"PGDMP and not much more")
    backup = newest_backup()
    assert backup is not None
    assert backup.manifest == kept
    # Somebody may be writing them right now. (This store says that all uploads began in 2010.)
    with monkeypatch.context() as patched:
        patched.setattr("raiox.backups.keeping._BROKEN_OFF", timedelta(days=36500))
        back_up()
    assert complete in keys_in(bucket)
    assert len(unfinished_in(bucket)) == 1
    age(bucket, 1.1, complete)
    back_up()
    assert complete not in keys_in(bucket)
    assert len(keys_in(bucket)) == 6
    assert unfinished_in(bucket) == []


def test_a_dump_that_is_gone_or_cut_is_told(database: Database, bucket: Bucket) -> None:
    manifest = back_up()
    bucket.put(manifest.dump, bucket.read(manifest.dump)[:-1])
    with pytest.raises(DamagedError, match="is not the"):
        newest_backup()
    bucket.delete(manifest.dump)
    with pytest.raises(DamagedError, match="is not the"):
        newest_backup()


def test_other_environments_are_left_alone(
    database: Database, bucket: Bucket, settings: Any
) -> None:
    old = back_up()
    age(bucket, 300, old.key, old.dump)
    settings.RAIOX_ENV = "stage"
    assert newest_backup() is None
    delete_old(dumping.back_up(database, Keys(""), lambda _: None))
    assert {old.key, old.dump} < set(keys_in(bucket))


def test_what_is_missing_is_named(database: Database, bucket: Bucket, settings: Any) -> None:
    settings.BACKUP_KEY = ""
    with pytest.raises(CommandError, match="Set BACKUP_BUCKET, BACKUP_KEY, BACKUP_SECRET"):
        run("backup_database")
    settings.BACKUP_KEY, settings.BACKUP_BUCKET = "x", "there-is-none"
    with pytest.raises(CommandError, match=r"there-is-none would not .*NoSuchBucket"):
        run("backup_database")
    settings.BACKUP_ENDPOINT = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match=r"could not .*EndpointConnectionError"):
        run("backup_database")
