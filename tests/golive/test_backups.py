"""Is there a backup to go back to: an S3 server on loopback holds it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from raiox.backups.fingerprint import Print
from raiox.backups.manifest import Manifest, dump_key
from raiox.backups.newest import folder
from raiox.backups.storage import Bucket
from raiox.golive.backups import fresh
from raiox.golive.line import Plan, Status
from tests.backups.conftest import bucket as bucket

PLAN = Plan(url="http://127.0.0.1:1")


def store(
    bucket: Bucket,
    hours_old: float,
    *,
    encryption: str = "age",
    size: int = 4,
    rows: int | None = 10,
) -> None:
    """A backup as `backup_database` leaves it; `size` and `rows` are what its manifest says.

    Without `rows` it has no table.
    """
    at = timezone.now() - timedelta(hours=hours_old)
    key = dump_key(folder(), at, encryption)
    bucket.put(key, b"dump")
    manifest = Manifest(
        dump=key, taken_at=at, database="raiox", environment="test", size=size, sha256="0" * 64,
        encryption=encryption, postgres=16, tool=16, raiox="0.1.0",
        tables={} if rows is None else {"cases": Print(rows, "0" * 64)},
    )  # fmt: skip
    bucket.put(manifest.key, manifest.to_json())


def test_backup_of_today(bucket: Bucket) -> None:
    store(bucket, 50)
    store(bucket, 5)
    line = fresh(PLAN)
    assert (line.status, line.seen) == (Status.OK, "5.0 hours old, 0.0 MB")


def test_backup_that_is_old(bucket: Bucket) -> None:
    assert fresh(PLAN).seen == "there is none"
    store(bucket, 27)
    assert fresh(PLAN).status == Status.FAIL


def test_backup_of_an_empty_database(bucket: Bucket) -> None:
    store(bucket, 50)
    store(bucket, 5, rows=None)
    line = fresh(PLAN)
    assert (line.status, "without any table" in line.seen) == (Status.FAIL, True)


def test_backup_with_less_than_half_of_the_one_before(bucket: Bucket) -> None:
    store(bucket, 50)
    store(bucket, 5, rows=4)
    line = fresh(PLAN)
    assert (line.status, "4 rows, less than half of the 10" in line.seen) == (Status.WARN, True)


@pytest.mark.parametrize(("mode", "status"), [("production", "fail"), ("stage", "warn")])
def test_backup_that_anybody_can_read(bucket: Bucket, mode: str, status: str) -> None:
    store(bucket, 1, encryption="")
    line = fresh(replace(PLAN, mode=mode))
    assert (line.status, "BACKUP_ENCRYPTION_KEY" in line.todo) == (status, True)
    assert "not encrypted" in line.seen


def test_backup_that_is_cut_off(bucket: Bucket) -> None:
    store(bucket, 1, size=5)
    line = fresh(PLAN)
    assert (line.status, "is not the 5 bytes" in line.seen) == (Status.FAIL, True)


def test_no_bucket_for_backups(settings: Any) -> None:
    settings.BACKUP_KEY = ""
    line = fresh(PLAN)
    assert (line.status, "BACKUP_KEY" in line.seen) == (Status.FAIL, True)


@pytest.mark.usefixtures("bucket")
def test_bucket_that_is_not_there(settings: Any) -> None:
    settings.BACKUP_BUCKET = "nowhere"
    assert fresh(PLAN).status == Status.FAIL
