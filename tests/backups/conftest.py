"""A database of its own for each test, which it may destroy, and a bucket for its backups."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from psycopg import sql
from pyrage.x25519 import Identity

from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket, configured

RANDOM_MEGABYTES = """
CREATE TABLE random_megabytes (id bigint PRIMARY KEY, bytes bytea NOT NULL);
ALTER TABLE random_megabytes ALTER bytes SET STORAGE EXTERNAL;
INSERT INTO random_megabytes
SELECT block, (SELECT string_agg(sha256((block * 1000 + n)::text::bytea), '')
    FROM generate_series(1, 512) AS n)
FROM generate_series(1, {} * 64) AS block
"""
"""So many MiB that no compression makes smaller, in a table of their own."""


def on_server(statement: Any, *names: str) -> list[tuple[Any, ...]]:
    """Run a statement in the server's maintenance database; `{}` are names."""
    with Database.configured().maintenance() as open_connection:
        done = open_connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
        return done.fetchall() if done.description else []


def databases() -> set[str]:
    """All on the server."""
    return {name for (name,) in on_server("SELECT datname FROM pg_database")}


@pytest.fixture
def database(transactional_db: None) -> Iterator[Database]:
    """A copy of the tests' database that Django is connected to instead, and nobody else."""
    original, copy = connection.settings_dict["NAME"], f"backups_{uuid4().hex[:8]}"
    connection.close()
    with Database.configured().maintenance() as server:
        # A thread of an earlier test may have left a connection behind: no copy could be made.
        server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [original],
        )
    on_server("CREATE DATABASE {} TEMPLATE {}", copy, original)
    connection.settings_dict["NAME"] = copy
    yield Database.configured()
    connection.close()
    for left in databases():
        if left.startswith(copy):
            on_server("DROP DATABASE {} WITH (FORCE)", left)
    connection.settings_dict["NAME"] = original


@pytest.fixture
def bucket(s3_url: str, settings: Any) -> Bucket:
    """Where the settings have backups lie."""
    settings.BACKUP_BUCKET = f"backups-{uuid4().hex}"
    settings.BACKUP_REGION, settings.BACKUP_ENDPOINT = "us-west-2", s3_url
    settings.BACKUP_KEY, settings.BACKUP_SECRET = uuid4().hex, uuid4().hex
    made = configured("BACKUP")
    place = {"LocationConstraint": "us-west-2"}
    made.client.create_bucket(Bucket=made.name, CreateBucketConfiguration=place)
    return made


@pytest.fixture
def encrypted(settings: Any) -> str:
    """Backups are encrypted by this key."""
    settings.BACKUP_ENCRYPTION_KEY = str(Identity.generate())
    return str(settings.BACKUP_ENCRYPTION_KEY)


@pytest.fixture
def execute(database: Database) -> Callable[[str], None]:
    """Runs SQL in the test's database."""

    def run(statement: Any) -> None:
        with database.connect() as open_connection:
            open_connection.execute(statement)

    return run


def keys_in(bucket: Bucket) -> list[str]:
    """All objects of the bucket."""
    return [item["Key"] for item in bucket.list("")]


def unfinished_in(bucket: Bucket) -> list[str]:
    """Uploads that were neither completed nor given up."""
    found = bucket.client.list_multipart_uploads(Bucket=bucket.name)
    return [upload["Key"] for upload in found.get("Uploads", [])]
