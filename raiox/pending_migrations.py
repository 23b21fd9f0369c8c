"""What a release's migrations would do to the service that runs meanwhile.

While they run, and again when a release is taken back, the code of before works on the new tables.
So a migration neither locks a table for long nor takes away what that code uses. Squawk
(https://squawkhq.com), a linter for PostgreSQL, finds both in the SQL; it does not know how large a
table is, so that is asked here.
"""

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from raiox.pending_sql import Text, statements, table_of

SMALL_BYTES: Final = 32 * 1024 * 1024
"""A table of this size is read or written anew, or indexed, within about a second."""
_MATTERS_OF_TASTE: Final = (
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-robust-stmts",
    "prefer-text-field",
    "require-enum-value-ordering",
    # deploy/release/release.sh sets a lock_timeout for all of them.
    "require-lock-timeout",
    "require-statement-timeout",
)
_SHORT_ON_SMALL_TABLES: Final = (
    "adding-field-with-default",
    "adding-foreign-key-constraint",
    "adding-not-nullable-field",
    "adding-serial-primary-key-field",
    "constraint-missing-not-valid",
    "disallowed-unique-constraint",
    "require-concurrent-index-creation",
    "require-concurrent-index-deletion",
)
UNREADABLE: Final = "runs-python"
"""Our own rule: an operation without SQL, about which nothing can be said."""


@dataclass(frozen=True)
class Objection:
    """One thing that a migration should not do to a service that runs."""

    migration: str
    rule: str
    statement: str
    why: str


def pending() -> list[Migration]:
    """The migrations that `migrate` would apply, in order; none in a database without any.

    There nothing runs yet, so nothing can be disturbed.
    """
    executor = MigrationExecutor(connection)
    if not executor.loader.applied_migrations:
        return []
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [migration for migration, _ in plan]


def objections(migrations: Sequence[Migration]) -> list[Objection]:
    """What speaks against them; a migration's own `accepted` (rule to reason) is left out."""
    if not migrations:
        return []
    text = Text()
    for migration, lines in zip(migrations, statements(migrations), strict=True):
        text.add(str(migration), lines, atomic=migration.atomic)
    accepted = {str(migration): getattr(migration, "accepted", {}) for migration in migrations}
    found = [*_unreadable(text), *_judged(text)]
    return [each for each in found if each.rule not in accepted[each.migration]]


def _unreadable(text: Text) -> Iterator[Objection]:
    for migration, statement in text.without_sql():
        yield Objection(migration, UNREADABLE, statement, "Nobody can tell what it locks.")


def _judged(text: Text) -> Iterator[Objection]:
    for finding in _squawk(str(text)):
        migration, statement = text.at(finding["line"])
        rule, table = str(finding["rule_name"]), table_of(statement)
        # No code knows a table that is only just made.
        if table in text.new_tables or (rule in _SHORT_ON_SMALL_TABLES and _is_small(table)):
            continue
        yield Objection(migration, rule, statement, str(finding["message"]))


def _is_small(table: str) -> bool:
    """Whether it has few rows now; one that can't be made out counts as large."""
    if not table:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size(to_regclass(quote_ident(%s)))", [table])
        (size,) = cursor.fetchone()
    return size is None or size < SMALL_BYTES


def _squawk(sql: str) -> list[dict[str, Any]]:
    program = Path(sysconfig.get_path("scripts")) / "squawk"
    version = connection.get_database_version()[0]
    done = subprocess.run(  # noqa: S603  # our own program and arguments
        [
            str(program), f"--pg-version={version}", f"--exclude={','.join(_MATTERS_OF_TASTE)}",
            "--reporter=json", "--stdin-filepath=pending.sql",
        ],
        input=sql, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # 1: it found something. Whatever else went wrong leaves no JSON.
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise RuntimeError(f"squawk failed: {done.stderr.strip()}")
    return list(json.loads(done.stdout))
