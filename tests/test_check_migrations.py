"""Migrations that would stop the service, or break the code that runs, are told before they run."""

import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from raiox import pending_migrations
from raiox.pending_migrations import objections, pending

pytestmark = pytest.mark.django_db

# An installed application that has no tables of its own.
APP = "csp"
FIRST = """[migrations.CreateModel("Probe", [
    ("id", models.BigAutoField(primary_key=True)), ("text", models.TextField(null=True)),
])]"""
TEMPLATE = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = {dependencies}
    operations = {operations}
    {more}
"""
_counter = itertools.count()
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Write:
    """Writes one pending migration; there is a table `csp_probe`, which counts as large."""
    module = f"probe_migrations_{next(_counter)}"
    folder = tmp_path / module
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.MIGRATION_MODULES = {APP: module}
    names: list[str] = []

    def write_one(operations: str, *, more: str = "") -> None:
        names.append(f"{len(names) + 1:04}_probe")
        dependencies = [(APP, names[-2])] if len(names) > 1 else []
        source = TEMPLATE.format(dependencies=dependencies, operations=operations, more=more)
        (folder / f"{names[-1]}.py").write_text(source)

    write_one(FIRST)
    MigrationExecutor(connection).migrate([(APP, names[0])])
    monkeypatch.setattr(pending_migrations, "SMALL_BYTES", 1)
    return write_one


def rules() -> list[str]:
    """The rules that the pending migrations break."""
    return [found.rule for found in objections(pending())]


REFUSED: Sequence[tuple[str, str]] = (
    ("adding-required-field", 'migrations.RunSQL("ALTER TABLE csp_probe ADD n bigint NOT NULL")'),
    ("ban-drop-default", 'migrations.AddField("probe", "n", models.IntegerField(default=0))'),
    ("require-concurrent-index-creation",
     'migrations.AddIndex("probe", models.Index(fields=["text"], name="probe_text"))'),
    ("changing-column-type",
     'migrations.AlterField("probe", "text", models.CharField(max_length=9, null=True))'),
    ("constraint-missing-not-valid",
     'migrations.AddConstraint("probe", models.CheckConstraint('
     'condition=models.Q(text="a"), name="probe_a"))'),
    ("disallowed-unique-constraint",
     'migrations.AddConstraint("probe", models.UniqueConstraint(fields=["text"], name="probe_u"))'),
    ("adding-not-nullable-field", 'migrations.AlterField("probe", "text", models.TextField())'),
    ("ban-drop-column", 'migrations.RemoveField("probe", "text")'),
    ("ban-drop-table", 'migrations.DeleteModel("Probe")'),
    ("renaming-column", 'migrations.RenameField("probe", "text", "words")'),
    ("renaming-table", 'migrations.RenameModel("Probe", "Trial")'),
    ("runs-python", "migrations.RunPython(lambda apps, editor: None)"),
    ("syntax-error", 'migrations.RunSQL("SELEKT 1")'),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "operation"), REFUSED, ids=[rule for rule, _ in REFUSED])
def test_what_stops_or_breaks_a_running_service_is_refused(
    rule: str, operation: str, write: Write
) -> None:
    write(f"[{operation}]")
    assert rule in rules()


FINE = (
    'migrations.AddField("probe", "n", models.IntegerField(null=True))',
    'migrations.AddField("probe", "n", models.IntegerField(db_default=0))',
    'migrations.RunSQL("ALTER TABLE csp_probe ADD CONSTRAINT c CHECK (id > 0) NOT VALID")',
)


@pytest.mark.parametrize("operation", FINE)
def test_what_does_not_is_fine(operation: str, write: Write) -> None:
    write(f"[{operation}]")
    assert rules() == []


def test_an_index_that_is_built_beside_is_fine(write: Write) -> None:
    index = 'migrations.RunSQL("CREATE INDEX CONCURRENTLY probe_text ON csp_probe (text)")'
    write(f"[{index}]", more="atomic = False")
    assert rules() == []


def test_an_index_built_beside_inside_a_transaction_is_refused(write: Write) -> None:
    write('[migrations.RunSQL("CREATE INDEX CONCURRENTLY probe_text ON csp_probe (text)")]')
    assert rules() == ["ban-concurrent-index-creation-in-transaction"]


def test_a_small_table_may_be_locked_but_not_broken(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_migrations, "SMALL_BYTES", 1024 * 1024)
    index = 'migrations.AddIndex("probe", models.Index(fields=["text"], name="probe_text"))'
    write(f'[{index}, migrations.RenameField("probe", "text", "words")]')
    assert rules() == ["renaming-column"]


def test_a_table_of_an_earlier_pending_migration_may_be_changed(write: Write) -> None:
    write('[migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))])]')
    index = 'migrations.AddIndex("new", models.Index(fields=["id"], name="new_id"))'
    write(f'[{index}, migrations.AddField("new", "n", models.IntegerField(default=1))]')
    assert rules() == []


def test_a_migration_can_say_why_it_is_right_all_the_same(write: Write) -> None:
    write(
        '[migrations.RemoveField("probe", "text"), migrations.RenameModel("Probe", "Trial")]',
        more='accepted = {"ban-drop-column": "no code has read it for two releases"}',
    )
    assert rules() == ["renaming-table"]


def test_the_command_says_which_statement_and_what_to_do(write: Write) -> None:
    write('[migrations.RemoveField("probe", "text")]')
    said = io.StringIO()
    with pytest.raises(CommandError, match="check_migrations --help"):
        call_command("check_migrations", stderr=said)
    (first, second) = said.getvalue().splitlines()
    assert first == 'csp.0002_probe: ALTER TABLE "csp_probe" DROP COLUMN "text" CASCADE;'
    assert second.startswith("  ban-drop-column: ")


def test_the_command_lets_pass_what_somebody_accepted(write: Write) -> None:
    write('[migrations.RemoveField("probe", "text")]')
    call_command("check_migrations", "--accept", "csp.0002_probe", stdout=io.StringIO())
    with pytest.raises(CommandError, match=r"Not pending: csp\.0003"):
        call_command("check_migrations", "--accept", "csp.0003", stdout=io.StringIO())


def test_nothing_pending_is_fine() -> None:
    said = io.StringIO()
    call_command("check_migrations", stdout=said)
    assert said.getvalue() == "0 pending, nothing speaks against them.\n"


def test_a_database_without_tables_has_nothing_to_disturb(write: Write) -> None:
    write('[migrations.RemoveField("probe", "text")]')
    MigrationRecorder.Migration.objects.all().delete()
    assert pending() == []
