"""A new backup of the database: pg_dump, encrypted, into object storage, in one stream."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from raiox.backups.encryption import Keys, Readable
from raiox.backups.errors import BackupError
from raiox.backups.fingerprint import Fingerprint, snapshot
from raiox.backups.manifest import Manifest, dump_key
from raiox.backups.newest import Backup, database_bucket, folder
from raiox.backups.postgres import Database, Program, complaints, program
from raiox.backups.storage import Told, Upload

_MIGRATIONS: Final = "django_migrations"


def back_up(database: Database, keys: Keys, progress: Callable[[int], object]) -> Backup:
    """Store a dump of `database`, and its manifest once pg_dump has ended well.

    `progress` is told of each piece of the dump, in bytes. Raises `BackupError`, for a database in
    which nothing was installed too; then nothing of it counts as a backup.
    """
    bucket = database_bucket()
    server = database.version()
    tool = program("pg_dump", at_least=server)
    with snapshot(database) as now:
        _refuse_if_never_installed(database, now.fingerprint)
        key = dump_key(folder(), now.taken_at, keys.scheme)
        with Upload(bucket, key) as upload:
            with _dump(database, tool, now.name) as dump:
                keys.encrypt(Told(dump, progress), upload)
            upload.complete()
    manifest = Manifest(
        dump=key,
        taken_at=now.taken_at,
        database=database.name,
        environment=settings.RAIOX_ENV,
        size=upload.size,
        sha256=upload.sha256,
        encryption=keys.scheme,
        postgres=server,
        tool=tool.version[0],
        raiox=settings.RAIOX_VERSION,
        tables=now.fingerprint,
    )
    bucket.put(manifest.key, manifest.to_json(), ContentType="application/json")
    return Backup(manifest)


def _refuse_if_never_installed(database: Database, held: Fingerprint) -> None:
    """What replaces a lost database is empty at first: as the newest backup it would hide all."""
    migrations = held.get(_MIGRATIONS)
    if migrations is None or not migrations.rows:
        raise BackupError(
            f"The database {database.name} holds {len(held)} tables, and Raiox was never installed "
            "in it: it was not backed up. Restore the lost one first (manage.py restore_database), "
            "or install it (manage.py migrate)."
        )


@contextmanager
def _dump(database: Database, tool: Program, snapshot_name: str) -> Iterator[Readable]:
    """What pg_dump says of that snapshot. Raises `BackupError` if it does not end well."""
    command = [str(tool.path), "--format=custom", "--no-password", f"--snapshot={snapshot_name}"]
    with tempfile.TemporaryFile("w+") as said:  # a pipe that nobody reads would stop it
        process = subprocess.Popen(  # noqa: S603  # PostgreSQL's own program
            command, stdout=subprocess.PIPE, stderr=said, env=database.environment()
        )
        with process:
            try:
                assert process.stdout  # noqa: S101  # for the type checker
                yield process.stdout
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said.seek(0)
            raise BackupError(f"pg_dump failed: {complaints(said)}")
