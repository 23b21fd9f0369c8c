"""What the backup commands share."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from implants.management.base import table
from raiox.backups.encryption import Keys
from raiox.backups.errors import BackupError, DamagedError
from raiox.backups.newest import Backup, Found, backup_named, newest_backup

_OTHERS: Final = "The others: manage.py restore_database --list"
_BROKEN: Final = ("broken", "", "", "")


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
    """The backup called `name`, or the newest one.

    Raises `BackupError` if there is none, or nothing in it.
    """
    try:
        backup = backup_named(name) if name else newest_backup()
    except DamagedError as error:
        raise DamagedError(f"{error} {_OTHERS}") from error
    if backup is None:
        raise BackupError(f"There is no backup in the bucket {settings.BACKUP_BUCKET} yet.")
    if backup.is_empty:
        raise BackupError(f"{backup.name} holds no tables: its database was empty. {_OTHERS}")
    return backup


def in_words(backup: Backup) -> str:
    """What people call it."""
    held = backup.manifest
    sealed = f"encrypted by {held.encryption}" if held.encryption else "NOT ENCRYPTED"
    return (
        f"{held.dump}: {held.size:,} bytes, {sealed}, {len(held.tables)} tables, "
        f"{backup.rows:,} rows, SHA-256 {held.sha256}"
    )


def listed(backups: Iterable[Found]) -> str:
    """A table for people to choose from, and below it what is wrong with broken ones."""
    found = list(backups)
    rows = [_row(one.backup) if one.backup else [one.name, *_BROKEN] for one in found]
    problems = [f"{one.name}: {one.problem}" for one in found if one.problem]
    return "\n".join([table(["backup", "moment", "size", "tables", "rows"], rows), *problems])


def _row(backup: Backup) -> list[str]:
    moment, size = f"{backup.when:%Y-%m-%d %H:%M} UTC", f"{backup.size / 1e6:,.1f} MB"
    return [backup.name, moment, size, str(len(backup.manifest.tables)), f"{backup.rows:,}"]


def progress_bar(total: int | None = None) -> "tqdm[None]":
    """Of bytes; where nobody looks, there is none."""
    return tqdm(total=total, unit="B", unit_scale=True, disable=None)
