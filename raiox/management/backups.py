"""What the backup commands share."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from raiox.backups.encryption import Keys
from raiox.backups.errors import BackupError
from raiox.backups.newest import Backup, backup_named, newest_backup


@contextmanager
def told() -> Iterator[None]:
    """What went wrong with a backup ends the command, in its own words."""
    try:
        yield
    except BackupError as error:
        raise CommandError(str(error)) from error


def configured_keys() -> Keys:
    """Those of `BACKUP_ENCRYPTION_KEY`."""
    return Keys(settings.BACKUP_ENCRYPTION_KEY)


def chosen(name: str) -> Backup:
    """The backup called `name`, or the newest one. Raises `BackupError` if there is none."""
    backup = backup_named(name) if name else newest_backup()
    if backup is None:
        raise BackupError(f"There is no backup in the bucket {settings.BACKUP_BUCKET} yet.")
    return backup


def in_words(backup: Backup) -> str:
    """What people call it."""
    held = backup.manifest
    sealed = f"encrypted by {held.encryption}" if held.encryption else "NOT ENCRYPTED"
    rows = sum(table.rows for table in held.tables.values())
    return (
        f"{held.dump}: {held.size:,} bytes, {sealed}, {len(held.tables)} tables, {rows:,} rows, "
        f"SHA-256 {held.sha256}"
    )


def progress_bar(total: int | None = None) -> "tqdm[None]":
    """Of bytes; where nobody looks, there is none."""
    return tqdm(total=total, unit="B", unit_scale=True, disable=None)
