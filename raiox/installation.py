"""Whose database and buckets these are: each carries the name of its environment.

So a stage that is given production's by mistake, or a copy of production's data, refuses to run,
whatever its settings call it. The database names its bucket too: then a changed setting is noticed
without asking the object storage at each start. Buckets for backups are asked where their keys are
known, which is where releases and backups are made.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import ProgrammingError, transaction

from raiox.backups.errors import StorageError
from raiox.backups.storage import Bucket, configured
from raiox.models import Installation

MARK: Final = "raiox-environment"
"""The object in the root of a bucket that holds the environment's name."""


@dataclass(frozen=True)
class Problem:
    """Something that belongs to another environment, and what to do."""

    what: str
    hint: str


class Foreign(Exception):
    """Database or a bucket belong to another environment; the message says which."""


def database_problem() -> Problem | None:
    """What is wrong with the database's own word; nobody's database is fine."""
    row = _row()
    if row is None:
        return None
    if row.environment != settings.RAIOX_ENV:
        return Problem(
            f"The database belongs to {row.environment}, and this is {settings.RAIOX_ENV}.",
            "Set DATABASE_URL to a database of its own.",
        )
    if row.bucket != settings.DO_SPACES_BUCKET:
        return Problem(
            f"The database belongs to the bucket {row.bucket}, and DO_SPACES_BUCKET is "
            f"{settings.DO_SPACES_BUCKET}.",
            "If the films were moved there: manage.py check_environment --claim",
        )
    return None


def bucket_problem() -> Problem | None:
    """What is wrong with the bucket's own word; nobody's bucket is fine."""
    owner = _bucket_owner()
    if owner in ("", settings.RAIOX_ENV):
        return None
    return Problem(
        f"The bucket {settings.DO_SPACES_BUCKET} belongs to {owner}, and this is "
        f"{settings.RAIOX_ENV}.",
        "Set DO_SPACES_BUCKET to a bucket of its own.",
    )


def backups_problem() -> Problem | None:
    """What is wrong with the word of a bucket for backups; nobody's bucket is fine.

    One that does not answer says nothing: a release must not wait for it, and the next backup
    tells of it.
    """
    for bucket in _backup_buckets():
        with suppress(StorageError):
            owner = _backup_owner(bucket)
            if owner not in ("", settings.RAIOX_ENV):
                return Problem(
                    f"The bucket for backups {bucket.name} belongs to {owner}, and this is "
                    f"{settings.RAIOX_ENV}.",
                    f"Set {bucket.settings}_BUCKET to a bucket of its own.",
                )
    return None


def is_claimed() -> bool:
    """Whether the database and the films' bucket say that they are ours."""
    return bool(_row() and (_bucket_owner() or not settings.DO_SPACES_BUCKET))


@transaction.atomic
def claim() -> None:
    """Write our name where there is none; raises `Foreign` where there is another's."""
    row, problem = _row(), bucket_problem() or backups_problem()
    if row and row.environment != settings.RAIOX_ENV:
        problem = database_problem()
    if problem:
        raise Foreign(f"{problem.what} {problem.hint}")
    if settings.DO_SPACES_BUCKET and not _bucket_owner():
        default_storage.save(MARK, ContentFile(settings.RAIOX_ENV.encode()))
    for bucket in _backup_buckets():
        with suppress(StorageError):
            if not _backup_owner(bucket):
                bucket.put(MARK, settings.RAIOX_ENV.encode())
    ours = {"environment": settings.RAIOX_ENV, "bucket": settings.DO_SPACES_BUCKET}
    Installation.objects.update_or_create(pk=1, defaults=ours)


def _row() -> Installation | None:
    try:
        with transaction.atomic():
            return Installation.objects.first()
    except ProgrammingError:  # the tables are not made yet
        return None


def _bucket_owner() -> str:
    """Whose bucket it is; empty while nobody's, or where films lie in a folder."""
    if not settings.DO_SPACES_BUCKET:
        return ""
    try:
        with default_storage.open(MARK) as file:
            return str(file.read().decode().strip())
    except FileNotFoundError:
        return ""


def _backup_buckets() -> Iterator[Bucket]:
    """Those that are configured here; films' copies mostly lie in the database's."""
    seen = set()
    for prefix in ("BACKUP", "OBJECTS_BACKUP"):
        bucket = configured(prefix)
        place = (bucket.endpoint, bucket.name)
        if all((bucket.name, bucket.key, bucket.secret)) and place not in seen:
            seen.add(place)
            yield bucket


def _backup_owner(bucket: Bucket) -> str:
    """Whose it is; empty while nobody's. Raises `StorageError`."""
    is_marked = any(item["Key"] == MARK for item in bucket.list(MARK))
    return bucket.read(MARK).decode().strip() if is_marked else ""
