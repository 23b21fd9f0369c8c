"""The rehearsal of a restore: green for a good backup, red for every other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError

from implants.models import Implant, ReferenceVector
from raiox.backups import dumping
from raiox.backups.manifest import Manifest
from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket
from tests.backups.test_keeping import back_up
from tests.backups.test_restore import ours
from tests.backups.test_round_trip import run, seed
from tests.factories import unit_vector


def other_content(bucket: Bucket, noted: Manifest, stored: Manifest) -> None:
    """The newest backup is `stored`, and what was noted of it is what `noted` says."""
    bucket.put(stored.key, replace(stored, tables=noted.tables).to_json())


def test_a_good_backup_is_green_and_leaves_nothing(
    database: Database, bucket: Bucket, encrypted: str
) -> None:
    seed()
    run("backup_database")
    said = run("verify_backup")
    assert "The backup is whole" in said
    assert "reference_vectors" in said
    assert ours(database) == {database.name}


def _delete_row() -> None:
    ReferenceVector.objects.all()[:1].get().delete()


def _alter_vector() -> None:
    vector = ReferenceVector.objects.all()[:1].get()
    values = unit_vector(0)
    values[511] += 1e-7
    vector.embedding = values
    vector.save()


def _rename_implant() -> None:
    Implant.objects.filter(pk=Implant.objects.all()[:1].get().pk).update(name="Another")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_delete_row, "reference_vectors has 59 rows, 60 were backed up"),
        (_alter_vector, "reference_vectors has other values"),
        (_rename_implant, "implants has other values"),
    ],
)
def test_what_is_not_as_it_was_is_red(
    database: Database, bucket: Bucket, change: Callable[[], None], told: str
) -> None:
    seed()
    noted = back_up()
    change()
    other_content(bucket, noted, back_up())
    with pytest.raises(CommandError, match=told):
        run("verify_backup")
    assert ours(database) == {database.name}


def test_a_table_more_or_less_is_red(
    database: Database, bucket: Bucket, execute: Callable[[str], None]
) -> None:
    noted = back_up()
    execute("DROP TABLE access_records; CREATE TABLE stranger (id int PRIMARY KEY)")
    other_content(bucket, noted, back_up())
    with pytest.raises(CommandError, match=r"access_records is missing. stranger was not in"):
        run("verify_backup")


def test_an_old_backup_is_red(database: Database, bucket: Bucket) -> None:
    manifest = back_up()
    old = replace(manifest, taken_at=manifest.taken_at - timedelta(hours=60))
    bucket.put(manifest.key, old.to_json())
    with pytest.raises(CommandError, match="60 hours old"):
        run("verify_backup")
    assert "is whole" in run("verify_backup", "--max-age-hours", "0")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"version": 2}', b'{"version": 1}'])
def test_a_manifest_that_is_not_ours_is_red(
    database: Database, bucket: Bucket, data: bytes, settings: Any
) -> None:
    bucket.put("test/database/2026-01-01T00-00-00.000Z.json", data)
    with pytest.raises(CommandError, match="manifest is"):
        run("verify_backup")


def test_what_is_written_during_a_backup_is_not_counted(
    database: Database,
    bucket: Bucket,
    execute: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fingerprint and dump show the same moment, whatever others write between the two."""
    seed()
    # The key is made between fingerprint and pg_dump.
    make_key = dumping.dump_key

    def key_while_others_write(*arguments: Any) -> str:
        execute("DELETE FROM reference_vectors WHERE id IN (SELECT min(id) FROM reference_vectors)")
        return make_key(*arguments)

    monkeypatch.setattr(dumping, "dump_key", key_while_others_write)
    run("backup_database")
    assert ReferenceVector.objects.count() == 59
    assert "The backup is whole" in run("verify_backup")
