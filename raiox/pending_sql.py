"""The SQL of migrations, as text in which each line still knows its migration and statement."""

import re
from collections.abc import Iterator, Sequence

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

_WITHOUT_SQL = "-- THIS OPERATION CANNOT BE WRITTEN AS SQL"
_NEW_TABLE = re.compile(r'\bCREATE TABLE(?: IF NOT EXISTS)? "?(\w+)"?', re.IGNORECASE)
_TABLE = re.compile(r'\b(?:ALTER TABLE|ON)(?: ONLY| IF EXISTS)* "?(\w+)"?', re.IGNORECASE)


def statements(migrations: Sequence[Migration]) -> Iterator[list[str]]:
    """The statements of each, with Django's comments, as `sqlmigrate` writes them."""
    loader = MigrationLoader(connection, replace_migrations=False)
    state = None
    for migration in migrations:
        state = state or loader.project_state((migration.app_label, migration.name), at_end=False)
        with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
            state = migration.apply(state, editor, collect_sql=True)
        yield editor.collected_sql


def table_of(statement: str) -> str:
    """The table that it changes or indexes; empty if that can't be made out."""
    found = _TABLE.search(statement)
    return found[1] if found else ""


class Text:
    """Migrations one behind the other, so that later ones know the tables of earlier ones."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str, str]] = []  # line, migration, statement

    def add(self, migration: str, collected: Sequence[str], *, atomic: bool) -> None:
        """Put a migration's statements behind those that are there."""
        frame = ("BEGIN;", "COMMIT;") if atomic else ("", "")
        for statement in (frame[0], *collected, frame[1]):
            self._lines += [(line, migration, statement) for line in statement.splitlines()]

    def at(self, line: int) -> tuple[str, str]:
        """Migration and statement of a line, counted from 0."""
        return self._lines[line][1:]

    def without_sql(self) -> Iterator[tuple[str, str]]:
        """Migration and description of each operation that has no SQL."""
        # Django describes an operation in a comment, between two empty ones.
        described = zip(self._lines, self._lines[2:], strict=False)
        for (description, *_), (line, migration, _) in described:
            if line.startswith(_WITHOUT_SQL):
                yield migration, description.removeprefix("-- ")

    @property
    def new_tables(self) -> set[str]:
        """The tables that these migrations make."""
        return set(_NEW_TABLE.findall(str(self)))

    def __str__(self) -> str:
        return "\n".join(line for line, *_ in self._lines)
