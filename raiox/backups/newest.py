"""Which backups of the database there are."""

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
    def when(self) -> datetime:
        """The moment that it shows."""
        return self.manifest.taken_at

    @property
    def size(self) -> int:
        """In bytes, as it is stored."""
        return self.manifest.size

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a key to read it."""
        return bool(self.manifest.encryption)


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
    manifests = sorted(key for key in found if key.endswith(SUFFIX))
    return _backup(bucket, manifests[-1], found) if manifests else None


def backup_named(name: str) -> Backup:
    """The backup whose stamp, dump or manifest is called `name`; of another environment by its key.

    Raises `BackupError` if there is none.
    """
    stem = name.removesuffix(SUFFIX).partition(".dump")[0]
    key = (stem if "/" in stem else folder() + stem) + SUFFIX
    bucket = database_bucket()
    found = {item["Key"]: item for item in bucket.list(key.rpartition("/")[0] + "/")}
    if key not in found:
        raise BackupError(f"There is no backup {name} in the bucket {bucket.name}.")
    return _backup(bucket, key, found)


def _backup(bucket: Bucket, key: str, found: dict[str, dict[str, Any]]) -> Backup:
    manifest = Manifest.from_json(bucket.read(key))
    dump = found.get(manifest.dump)
    if dump is None or dump["Size"] != manifest.size:
        raise DamagedError(f"{manifest.dump} is not the {manifest.size} bytes that were backed up.")
    return Backup(manifest)
