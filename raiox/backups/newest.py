"""Which backups of the database there are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from raiox.backups.errors import BackupError, DamagedError
from raiox.backups.manifest import SUFFIX, Manifest
from raiox.backups.storage import Bucket, configured


@dataclass(frozen=True)
class Backup:
    """A complete backup."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """What people choose it by: the stamp in its key."""
        return _name(self.manifest.key)

    @property
    def when(self) -> datetime:
        """The moment that it shows."""
        return self.manifest.taken_at

    @property
    def size(self) -> int:
        """In bytes, as it is stored."""
        return self.manifest.size

    @property
    def rows(self) -> int:
        """Of all its tables."""
        return sum(table.rows for table in self.manifest.tables.values())

    @property
    def is_empty(self) -> bool:
        """Whether there was no table in the database then: restored, it would be lost again."""
        return not self.manifest.tables

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a key to read it."""
        return bool(self.manifest.encryption)


@dataclass(frozen=True)
class Found:
    """A manifest in the bucket; without a `backup`, `problem` says why there is none behind it."""

    name: str
    backup: Backup | None
    problem: str = ""


def folder() -> str:
    """Where those of this environment lie; stage and production never take each other's."""
    return f"{settings.RAIOX_ENV}/database/"


def database_bucket() -> Bucket:
    """The bucket for backups of the database."""
    return configured("BACKUP")


def newest_backup() -> Backup | None:
    """The newest complete backup of this environment's database, or None.

    Raises `BackupError` where the bucket is not configured or does not answer, and `DamagedError`
    where the newest one is not what its manifest says.
    """
    bucket = database_bucket()
    found = {item["Key"]: item for item in bucket.list(folder())}
    manifests = _manifests(found)
    return _backup(bucket, manifests[0], found) if manifests else None


def all_backups() -> Iterator[Found]:
    """Those of this environment, the newest first, broken ones too. Raises `StorageError`."""
    return _below(folder())


def fullest_before(backup: Backup) -> Backup | None:
    """Of the whole ones that were made before it and are kept, the one with the most rows.

    Raises `StorageError`.
    """
    older = (one for one in _below(_folder_of(backup.manifest.key)) if one.name < backup.name)
    whole = (one.backup for one in older if one.backup)
    return max(whole, key=lambda one: (one.rows, one.name), default=None)


def shrinkage(backup: Backup) -> str:
    """What people should know if half of what an earlier one held is gone, else ''.

    Not of the one before it alone: the night after the loss that one lacks it too. Raises
    `StorageError`.
    """
    before = fullest_before(backup)
    if before is None or 2 * backup.rows >= before.rows:
        return ""
    return (
        f"{backup.name} holds {backup.rows:,} rows, less than half of the {before.rows:,} of "
        f"{before.name}, made before it: was the database empty or damaged already? All of them: "
        "manage.py restore_database --list"
    )


def backup_named(name: str) -> Backup:
    """The backup whose stamp, dump or manifest is called `name`; of another environment by its key.

    Raises `BackupError` if there is none.
    """
    stem = name.removesuffix(SUFFIX).partition(".dump")[0]
    key = (stem if "/" in stem else folder() + stem) + SUFFIX
    bucket = database_bucket()
    found = {item["Key"]: item for item in bucket.list(_folder_of(key))}
    if key not in found:
        others = ", ".join(_name(each) for each in _manifests(found)) or "none"
        raise BackupError(
            f"There is no backup {name} in the bucket {bucket.name}. There are: {others}."
        )
    return _backup(bucket, key, found)


def _below(place: str) -> Iterator[Found]:
    bucket = database_bucket()
    objects = {item["Key"]: item for item in bucket.list(place)}
    for key in _manifests(objects):
        try:
            yield Found(_name(key), _backup(bucket, key, objects))
        except DamagedError as error:
            yield Found(_name(key), None, str(error))


def _manifests(keys: Iterable[str]) -> list[str]:
    """The newest first: keys sort by time."""
    return sorted((key for key in keys if key.endswith(SUFFIX)), reverse=True)


def _folder_of(key: str) -> str:
    return key.rpartition("/")[0] + "/"


def _name(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(SUFFIX)


def _backup(bucket: Bucket, key: str, found: dict[str, dict[str, Any]]) -> Backup:
    manifest = Manifest.from_json(bucket.read(key))
    dump = found.get(manifest.dump)
    if dump is None or dump["Size"] != manifest.size:
        raise DamagedError(f"{manifest.dump} is not the {manifest.size} bytes that were backed up.")
    return Backup(manifest)
