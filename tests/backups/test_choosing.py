"""Which backup is restored: the newest is not always the one, and an empty one never is."""

import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cases.models import Case
from implants.models import ReferenceVector
from raiox.backups.manifest import Manifest
from raiox.backups.newest import all_backups, newest_backup
from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket
from tests.backups.conftest import keys_in, on_server
from tests.backups.test_keeping import back_up
from tests.backups.test_restore import ours
from tests.backups.test_round_trip import destroy, run, seed
from tests.sandbox.process import ROOT

RUNBOOK = (ROOT / "deploy/OPERACAO.md").read_text()
RESTORES = (["restore_database", "--replace"], ["verify_backup"])


def store_empty(bucket: Bucket, like: Manifest) -> Manifest:
    """A newer backup of a database without tables, as earlier versions made them."""
    dump = like.dump.replace("database/2", "database/3")
    bucket.put(dump, b"dump")
    empty = replace(like, dump=dump, size=4, tables={})
    bucket.put(empty.key, empty.to_json())
    return empty


def told_apart(*words: str) -> tuple[str, str]:
    """What a command says, and what it warns of."""
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_an_empty_database_in_place_of_a_lost_one_is_not_backed_up(
    database: Database, bucket: Bucket
) -> None:
    """A new machine has it, and the timer comes before the restore."""
    seed()
    good = back_up()
    destroy(database)
    on_server("CREATE DATABASE {} TEMPLATE template1", database.name)
    with pytest.raises(CommandError, match="holds 0 tables, and Raiox was never installed"):
        run("backup_database")
    assert sorted(keys_in(bucket)) == sorted([good.dump, good.key])
    run("restore_database", "--replace")
    assert Case.objects.count() == 1


def test_a_database_of_something_else_is_not_backed_up(
    database: Database, bucket: Bucket, execute: Callable[[str], None]
) -> None:
    execute("DELETE FROM django_migrations")
    with pytest.raises(CommandError, match="never installed"):
        run("backup_database")
    execute("ALTER TABLE django_migrations RENAME TO others")
    with pytest.raises(CommandError, match="never installed"):
        run("backup_database")
    assert keys_in(bucket) == []


@pytest.mark.parametrize("words", RESTORES)
def test_an_empty_backup_is_refused(database: Database, bucket: Bucket, words: list[str]) -> None:
    seed()
    store_empty(bucket, back_up())
    with pytest.raises(CommandError, match=r"holds no tables.*restore_database --list"):
        run(*words)
    assert Case.objects.count() == 1
    assert ours(database) == {database.name}


def test_less_than_half_of_the_one_before_is_warned_of(database: Database, bucket: Bucket) -> None:
    seed()
    first = back_up()
    tables = {
        name: found._replace(rows=3 * found.rows + 100) for name, found in first.tables.items()
    }
    bucket.put(first.key, replace(first, tables=tables).to_json())
    said = f"less than half of the .* of {first.key[-29:-5]}, made before it"
    # The second night too, whose backup has as much as the first night's.
    for words in (["backup_database"], ["backup_database"], *RESTORES):
        assert re.search(said, told_apart(*words)[1])


@pytest.mark.parametrize("words", [["backup_database"], *RESTORES])
def test_as_much_as_the_one_before_is_not(
    database: Database, bucket: Bucket, words: list[str], encrypted: str
) -> None:
    seed()
    back_up()
    ReferenceVector.objects.all()[:1].get().delete()
    back_up()
    assert told_apart(*words)[1] == ""


def test_backups_are_listed_with_what_is_in_them(database: Database, bucket: Bucket) -> None:
    seed()
    first = back_up()
    ReferenceVector.objects.all().delete()
    second = back_up()
    bucket.put("test/database/2020-01-01T00-00-00.000Z.json", b"{}")
    head, *lines, broken, problem = run("restore_database", "--list").splitlines()
    assert head.split() == ["backup", "moment", "size", "tables", "rows"]
    for line, manifest in zip(lines, (second, first), strict=True):
        rows = sum(found.rows for found in manifest.tables.values())
        name, day, hour, utc, size, mb, tables, count = line.split()
        assert manifest.key == f"test/database/{name}.json"
        assert f"{day} {hour} {utc}" == f"{manifest.taken_at:%Y-%m-%d %H:%M} UTC"
        assert (mb, tables, count) == ("MB", str(len(manifest.tables)), f"{rows:,}")
        assert float(size) == round(manifest.size / 1e6, 1)
    assert broken.split() == ["2020-01-01T00-00-00.000Z", "broken"]
    assert problem == "2020-01-01T00-00-00.000Z: The manifest is not readable."


def test_an_older_one_is_chosen_by_its_name_in_the_list(database: Database, bucket: Bucket) -> None:
    """What the newest holds is the damage."""
    seed()
    back_up()
    ReferenceVector.objects.all().delete()
    back_up()
    names = [line.split()[0] for line in run("restore_database", "--list").splitlines()[1:]]
    run("restore_database", names[1], "--replace")
    assert ReferenceVector.objects.count() == 60


def test_a_name_that_is_unknown_is_answered_with_those_there_are(
    database: Database, bucket: Bucket
) -> None:
    with pytest.raises(CommandError, match="There are: none"):
        run("restore_database", "1999")
    back_up()
    back_up()
    [second, first] = [found.name for found in all_backups()]
    for words in (["restore_database", "1999"], ["verify_backup", "1999"]):
        with pytest.raises(CommandError, match=f"There are: {second}, {first}"):
            run(*words)


@pytest.mark.parametrize("words", RESTORES)
def test_a_broken_one_leads_to_the_others(
    database: Database, bucket: Bucket, words: list[str]
) -> None:
    back_up()
    bucket.delete(back_up().dump)
    with pytest.raises(CommandError, match=r"is not the \d+ bytes.*restore_database --list"):
        run(*words)


def test_without_any_the_list_is_empty(bucket: Bucket) -> None:
    assert run("restore_database", "--list").split() == [
        "backup",
        "moment",
        "size",
        "tables",
        "rows",
    ]
    assert newest_backup() is None


def test_what_follows_a_restore_is_told_in_the_runbook_s_order(
    database: Database, bucket: Bucket
) -> None:
    seed()
    back_up()
    said = run("restore_database", "--replace")
    [kept] = ours(database) - {database.name}
    steps = re.findall(r"^  (.+)$", said, re.MULTILINE)
    assert steps == ["migrate", f"repeat_erasures {kept}", "sweep_jotform", "purge_expired"]
    after = RUNBOOK.split("\nraiox-manage restore_database --replace\n", 1)[1]
    block = after.split("systemctl start", 1)[0].splitlines()
    assert [line.split()[1] for line in block] == [step.split()[0] for step in steps]
