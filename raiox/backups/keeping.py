"""How long backups of the database are kept. Ages are told by the store's clock, not by ours."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from raiox.backups.errors import DamagedError
from raiox.backups.manifest import SUFFIX
from raiox.backups.newest import Backup, database_bucket, folder
from raiox.backups.storage import Bucket

# A dump is there a moment before its manifest; so long after, nobody writes it any more.
_BROKEN_OFF: Final = timedelta(days=1)


def delete_old(new: Backup) -> list[str]:
    """Delete what is older than `BACKUP_DAYS`, and what was broken off; the keys.

    Only after a good backup: `new` is the one that was just made. Raises `StorageError`, and
    `DamagedError` if `new` is not there.
    """
    bucket = database_bucket()
    written = {item["Key"]: item["LastModified"] for item in bucket.list(folder())}
    if not {new.manifest.key, new.manifest.dump} <= written.keys():
        raise DamagedError(f"{new.manifest.dump} is gone already: older backups were kept.")
    now = written[new.manifest.key]
    kept_since = now - timedelta(days=settings.BACKUP_DAYS)
    old = [key for key in written if key.endswith(SUFFIX) and written[key] < kept_since]
    complete = {_stem(key) for key in written if key.endswith(SUFFIX)} - {_stem(key) for key in old}
    # Manifests first: what is deleted halfway is no backup any more.
    dumps = [key for key in written if not key.endswith(SUFFIX) and _stem(key) not in complete]
    gone = old + [key for key in dumps if written[key] < now - _BROKEN_OFF]
    for key in gone:
        bucket.delete(key)
    _forget_uploads(bucket, now - _BROKEN_OFF)
    return gone


def _forget_uploads(bucket: Bucket, before: datetime) -> None:
    """Parts of uploads that were killed cost money and belong to nobody."""
    with bucket.errors("list uploads"):
        found = bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix=folder())
    for upload in found.get("Uploads", []):
        if upload["Initiated"] < before:
            with bucket.errors("forget an upload"):
                bucket.client.abort_multipart_upload(
                    Bucket=bucket.name, Key=upload["Key"], UploadId=upload["UploadId"]
                )


def _stem(key: str) -> str:
    return key.removesuffix(SUFFIX).partition(".dump")[0]
