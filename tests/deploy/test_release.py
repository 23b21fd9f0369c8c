"""Releases on a machine of their own: what goes wrong leaves running what ran."""

import fcntl
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection, connect
from pytest_django import DjangoDbBlocker

from raiox.installation import MARK
from tests import database_server
from tests.deploy.release_machine import BUCKET, ReleaseMachine

DATABASE = "raiox_release"
LAST = max(Path("webhooks/migrations").glob("0*.py")).stem
MIGRATION = f"""
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("webhooks", "{LAST}")]
    operations = [%s]
"""
NAME = "webhooks/migrations/0900_probe.py"
ACCEPTED = 'accepted = {"runs-python": "it does nothing"}'
ADDS = 'migrations.AddField("jotformform", "probe", models.TextField(null=True))'


def migration(operation: str, more: str = "") -> dict[str, str]:
    """The file of a migration that nobody has applied yet."""
    return {NAME: MIGRATION % operation + f"    {more}\n"}


def _server() -> Connection[Any]:
    return connect(**database_server.place(), dbname="postgres", autocommit=True)


@pytest.fixture(scope="module")
def machine(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: Any
) -> Iterator[ReleaseMachine]:
    """One that has had its first release."""
    with django_db_blocker.unblock():
        with _server() as server:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {DATABASE}")
        with ReleaseMachine(tmp_path_factory.mktemp("release"), DATABASE) as machine:
            done = machine.run("release.sh", machine.first, "--bundled-encoder")
            assert done.returncode == 0, done.stdout + done.stderr
            yield machine
        with _server() as server:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


@pytest.fixture
def first(machine: ReleaseMachine) -> Iterator[str]:
    """The commit that runs before and after each test."""
    yield machine.first
    (machine.root / "run/worker-is-down").unlink(missing_ok=True)
    if machine.link("current") != machine.first:
        assert machine.run("rollback.sh", machine.first).returncode == 0
    with machine.connect() as server:
        server.execute("DELETE FROM django_migrations WHERE name LIKE '090_\\_probe'")
        server.execute("ALTER TABLE jotform_forms DROP COLUMN IF EXISTS probe")
    (machine.root / "opt/raiox/previous").unlink(missing_ok=True)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of what a script said that failed."""
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr.splitlines()[-1]


def test_the_first_release_runs_and_needs_no_backup(machine: ReleaseMachine, first: str) -> None:
    assert machine.answering() == machine.link("current") == first
    assert (machine.link("previous"), machine.backups) == ("", [])


def test_the_service_s_folder_is_touched_with_the_service_s_rights_alone(
    machine: ReleaseMachine, first: str
) -> None:
    static = machine.root / "var/lib/raiox/static/staticfiles.json"
    kept = machine.root / "opt/raiox/releases" / first / "staticfiles.json"
    asked = (machine.root / "run/runuser").read_text().splitlines()
    assert asked[:2] == [f"cat {static}", f"cp {kept} {static}"]


def test_a_release_with_a_migration_is_backed_up_before_it(
    machine: ReleaseMachine, first: str
) -> None:
    before = machine.migrations()
    commit = machine.commit(migration(ADDS), since=first)
    done = machine.run("release.sh", commit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine.answering() == machine.link("current") == commit
    assert machine.link("previous") == first
    assert machine.migrations() == [*before, "0900_probe"]
    with machine.connect() as server:
        counted = server.execute("SELECT count(*) - 1 FROM django_migrations").fetchone()
    assert counted == (machine.backups[-1],)


def test_a_machine_without_a_release_backs_up_what_others_use(
    machine: ReleaseMachine, first: str
) -> None:
    """A second one, or one that stands for a lost one: the database is in use all the same."""
    (machine.root / "opt/raiox/current").unlink()
    backups = len(machine.backups)
    commit = machine.commit(migration(ADDS), since=first)
    done = machine.run("release.sh", commit)
    assert done.returncode == 0, done.stdout + done.stderr
    with machine.connect() as server:
        counted = server.execute("SELECT count(*) - 1 FROM django_migrations").fetchone()
    assert machine.backups[backups:] == list(counted or ())


def test_a_machine_without_a_release_migrates_nothing_that_it_can_t_back_up(
    machine: ReleaseMachine, first: str
) -> None:
    before, current = machine.migrations(), machine.root / "opt/raiox/current"
    current.unlink()
    broken = {"raiox/management/commands/backup_database.py": "raise SystemExit('no bucket')"}
    commit = machine.commit({**migration(ADDS), **broken}, since=first)
    assert "the backup failed" in refused(machine.run("release.sh", commit))
    current.symlink_to(machine.root / "opt/raiox/releases" / first)
    assert machine.migrations() == before


def test_an_unhealthy_release_is_taken_back(machine: ReleaseMachine, first: str) -> None:
    broken = {"raiox/wsgi.py": "raise RuntimeError", **migration(ADDS)}
    commit = machine.commit(broken, since=first)
    assert "was not healthy" in refused(machine.run("release.sh", commit))
    assert machine.answering() == machine.link("current") == first
    assert machine.link("previous") == "", "nobody should roll back to what was never healthy"
    assert "0900_probe" in machine.migrations(), "the code of before bears them"


def test_an_unhealthy_release_is_taken_back_although_nobody_listens(
    machine: ReleaseMachine, first: str
) -> None:
    """The connection breaks right after the switch; what was said is read in the record."""
    commit = machine.commit({"raiox/wsgi.py": "raise RuntimeError"}, since=first)
    assert machine.run_and_hang_up("switching", "release.sh", commit) == 1
    assert machine.answering() == machine.link("current") == first
    said = machine.record.rpartition("switching")[2].splitlines()
    assert any("coming back to" in line for line in said)
    assert f"{commit} was not healthy: {first} runs again" in said[-1]


def test_all_that_is_said_can_be_read_afterwards(machine: ReleaseMachine, first: str) -> None:
    begun = len(machine.record)
    done = machine.run("rollback.sh", first)
    assert f"{first} runs already" in refused(done)
    head, *said = machine.record[begun:].splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:]{8}  rollback.sh", head)
    assert said == done.stderr.splitlines()


@pytest.mark.parametrize(
    ("operation", "more", "reason"),
    [
        ('migrations.RunSQL("SELECT 1 / 0")', "", "division by zero"),
        ('migrations.RemoveField("jotformform", "title")', "", "ban-drop-column"),
    ],
)
def test_a_migration_that_fails_or_breaks_things_switches_nothing(
    machine: ReleaseMachine, first: str, operation: str, more: str, reason: str
) -> None:
    before, backups = machine.migrations(), len(machine.backups)
    commit = machine.commit(migration(operation, more), since=first)
    done = machine.run("release.sh", commit)
    assert done.returncode == 1
    assert reason in done.stderr
    assert (machine.answering(), machine.link("current")) == (first, first)
    assert machine.migrations() == before
    assert len(machine.backups) - backups == (reason == "division by zero")


def test_a_migration_does_not_wait_for_a_lock(machine: ReleaseMachine, first: str) -> None:
    commit = machine.commit(migration(ADDS), since=first)
    with machine.connect() as server, server.transaction():
        server.execute("LOCK TABLE jotform_forms IN ACCESS SHARE MODE")
        done = machine.run("release.sh", commit)
    assert done.returncode == 1
    assert "lock timeout" in done.stderr
    assert machine.answering() == first


def test_what_the_settings_lack_stops_a_release(machine: ReleaseMachine, first: str) -> None:
    commit = machine.commit({}, since=first)
    settings = machine.root / "etc/raiox/raiox.env"
    kept = settings.read_text()
    settings.write_text(kept.replace("JOTFORM_API_KEY", "ANOTHER"))
    done = machine.run("release.sh", commit)
    settings.write_text(kept)
    assert done.returncode == 1
    assert "JOTFORM_API_KEY is not set" in done.stderr
    assert machine.link("current") == first


def test_a_machine_of_another_environment_is_left_alone(
    machine: ReleaseMachine, first: str
) -> None:
    commit = machine.commit(migration(ADDS), since=first)
    with machine.connect() as server:
        server.execute("UPDATE installation SET environment = 'production'")
        done = machine.run("release.sh", commit)
        assert done.returncode == 1
        assert "The database belongs to production" in done.stderr
        server.execute("UPDATE installation SET environment = 'stage', bucket = 'another'")
        assert "belongs to the bucket another" in machine.run("release.sh", commit).stderr
        server.execute("UPDATE installation SET bucket = %s", [BUCKET])
    for owner, answer in (("production", 1), ("stage", 0)):
        machine.s3.put_object(Bucket=BUCKET, Key=MARK, Body=owner.encode())
        done = machine.run("release.sh", commit)
        assert done.returncode == answer
        assert ("bucket raiox-release belongs to production" in done.stderr) == bool(answer)
        assert (machine.link("current") == first) == bool(answer)
        assert ("0900_probe" not in machine.migrations()) == bool(answer)


def test_two_at_once_are_refused(machine: ReleaseMachine, first: str) -> None:
    with (machine.root / "opt/raiox/release.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for script, argument in (("release.sh", first), ("rollback.sh", first)):
            assert "is under way" in refused(machine.run(script, argument))


@pytest.mark.parametrize("commit", ["", "main", "0" * 40])
def test_a_commit_that_is_none_is_refused(machine: ReleaseMachine, first: str, commit: str) -> None:
    done = machine.run("release.sh", commit)
    assert done.returncode in (1, 2)
    assert "COMMIT" in done.stderr or "has no commit" in done.stderr
    assert machine.link("current") == first


@pytest.mark.parametrize("branch", ["main", "somebody-s"])
def test_a_commit_that_is_not_on_the_machine_s_branch_is_refused(
    machine: ReleaseMachine, first: str, branch: str
) -> None:
    commit = machine.commit({"requirements/base.txt": branch}, since=first, branch=branch)
    done = machine.run("release.sh", commit)
    assert f"{commit} is not on the branch stage" in refused(done)
    assert commit not in machine.releases
    assert machine.link("current") == first


def test_a_commit_that_is_older_than_what_runs_is_refused(
    machine: ReleaseMachine, first: str
) -> None:
    """As when a workflow of last week is run again; rollback.sh leads back, releases forward."""
    newer = machine.commit({"requirements/base.txt": "newer"}, since=first)
    assert machine.run("release.sh", newer).returncode == 0
    told = refused(machine.run("release.sh", first))
    assert f"{first} is older than {newer}, which runs: rollback.sh leads back" in told
    assert machine.answering() == machine.link("current") == newer
    assert machine.run("rollback.sh").returncode == 0
    assert machine.run("release.sh", newer).returncode == 0


def test_production_runs_main_and_a_machine_of_neither_runs_nothing(
    machine: ReleaseMachine, first: str
) -> None:
    settings = machine.root / "etc/raiox/raiox.env"
    kept = settings.read_text()
    told = {}
    machine.commit({}, since=first, branch="main")
    staged = machine.commit({"requirements/base.txt": "of stage"}, since=first)
    for environment in ("production", "local"):
        settings.write_text(kept.replace("RAIOX_ENV='stage'", f"RAIOX_ENV='{environment}'"))
        told[environment] = refused(machine.run("release.sh", staged))
    settings.write_text(kept)
    assert f"{staged} is not on the branch main" in told["production"]
    assert "neither production nor stage" in told["local"]


def test_another_bundled_encoder_answers_from_the_switch_on(
    machine: ReleaseMachine, first: str
) -> None:
    """And that of the release before after a return, whether by rollback or by itself."""
    name = "implants/encoders/bundled/encoder.json"
    other = {name: Path(name).read_text().replace('"version": "', '"version": "0')}
    before = machine.encoder()
    commit = machine.commit(other, since=first)

    done = machine.run("release.sh", commit)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "is ready to answer" in done.stdout
    assert machine.answering() == commit
    assert machine.encoder()[1].startswith("0")

    assert machine.run("rollback.sh").returncode == 0
    assert (machine.answering(), machine.encoder()) == (first, before)

    unhealthy = machine.commit({**other, "raiox/wsgi.py": "raise RuntimeError"}, since=first)
    assert "was not healthy" in refused(machine.run("release.sh", unhealthy))
    assert (machine.answering(), machine.encoder()) == (first, before)


def test_a_bundled_encoder_that_does_not_load_switches_nothing(
    machine: ReleaseMachine, first: str
) -> None:
    name = "implants/encoders/bundled/encoder.json"
    broken = Path(name).read_text().replace('"sha256": "', '"sha256": "0')
    before = machine.encoder()
    done = machine.run("release.sh", machine.commit({name: broken}, since=first))
    assert done.returncode == 1
    assert "não corresponde ao seu encoder.json" in done.stderr
    assert (machine.answering(), machine.link("current")) == (first, first)
    assert machine.encoder() == before


def test_workers_stand_still_while_the_encoder_changes(machine: ReleaseMachine, first: str) -> None:
    """One of the release before would find its encoder replaced, and leave cases without answer."""
    commit = machine.commit({"requirements/base.txt": "the next"}, since=first)
    log = machine.root / "run/systemctl"
    log.unlink()
    assert machine.run("release.sh", commit).returncode == 0
    asked = [line for line in log.read_text().splitlines() if not line.startswith("is-active")]
    assert asked[-6:] == [
        "manage prepare",
        "manage reembed --bundled",
        "stop raiox-worker@1.service",
        "manage activate_encoder --bundled --if-none",
        "restart raiox-web.service",
        "restart raiox-worker@1.service",
    ]


def test_rolling_back_and_forward(machine: ReleaseMachine, first: str) -> None:
    """Of a release whose installation broke off once, past five others."""
    commit = machine.commit({"raiox/static/raiox/changed.css": "body {}"}, since=first)
    releases = machine.root / "opt/raiox/releases"
    (releases / commit).mkdir()
    (releases / commit / "manage.py").write_text("raise SystemExit('half')")
    for digit in "abcdef":
        (releases / (digit * 40)).mkdir()
        (releases / (digit * 40) / ".complete").touch()
    assert machine.run("release.sh", commit).returncode == 0
    assert (machine.answering(), machine.link("previous")) == (commit, first)
    assert {first, commit} < machine.releases
    assert len([name for name in machine.releases if len(set(name)) == 1]) == 4
    manifest = machine.root / "var/lib/raiox/static/staticfiles.json"
    assert "raiox/changed.css" in manifest.read_text()

    assert machine.run("rollback.sh").returncode == 0
    assert (machine.answering(), machine.link("previous")) == (first, commit)
    assert "raiox/changed.css" not in manifest.read_text()
    assert "runs already" in refused(machine.run("rollback.sh", first))
    assert "no such release" in refused(machine.run("rollback.sh", "1" * 40))

    (machine.root / "run/worker-is-down").touch()
    done = machine.run("rollback.sh")
    assert done.returncode == 1
    assert "raiox-worker@1.service does not run" in done.stderr


def test_migrations_are_taken_back_after_the_code(machine: ReleaseMachine, first: str) -> None:
    before = machine.migrations()
    files = {
        **migration("migrations.RunPython(lambda apps, editor: None)", ACCEPTED),
        NAME.replace("0900", "0901"): (MIGRATION % ADDS).replace(LAST, "0900_probe"),
    }
    commit = machine.commit(files, since=first)
    done = machine.run("release.sh", commit)
    assert done.returncode == 0, done.stdout + done.stderr
    backups = len(machine.backups)

    back = ("rollback.sh", "--migration", "webhooks")
    assert "first the code" in refused(machine.run(*back, "0900_probe"))
    assert machine.run("rollback.sh").returncode == 0
    done = machine.run(*back, LAST)
    assert done.returncode == 1
    assert "can't be undone" in done.stderr, "0900 has no way back"
    assert machine.migrations() == [*before, "0900_probe", "0901_probe"]
    assert len(machine.backups) == backups

    done = machine.run(*back, "0900_probe")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine.migrations() == [*before, "0900_probe"]
    assert len(machine.backups) == backups + 1
    assert "nothing to undo" in machine.run(*back, "0900_probe").stderr
