"""Backup, destroy, restore: the same answers as before."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from pyrage.x25519 import Identity

from cases.models import Case
from implants.models import ReferenceVector
from implants.search import Candidate, search
from raiox.backups.newest import newest_backup
from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket
from raiox.common.jobs import job
from tests.backups.conftest import databases, keys_in, on_server
from tests.factories import EncoderFactory, ImplantFactory, reference_with_vector, unit_vector
from webhooks.models import JotformForm


def run(command: str, *arguments: str) -> str:
    """What the command says, its warnings too."""
    out = StringIO()
    call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def seed() -> int:
    """A catalogue, a case and a job that waits; the encoder's id."""
    encoder = EncoderFactory.create(is_active=True)
    implants = ImplantFactory.create_batch(8)
    for number in range(60):
        reference_with_vector(unit_vector(number), encoder, implants[number % 8])
    form = JotformForm.objects.create(form_id="240000000000001", title="Form")
    Case.objects.create(form=form, submission_id="6200000000000000001", patient="Ângela Ção")
    job("implants.embed_reference").defer(reference_id=1, correlation_id="")
    return encoder.pk


def answers(encoder_id: int) -> list[list[Candidate]]:
    return [search(unit_vector(1000 + n), encoder_id=encoder_id) for n in range(20)]


def destroy(database: Database) -> None:
    connection.close()
    on_server("DROP DATABASE {} WITH (FORCE)", database.name)


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_a_destroyed_database_comes_back_whole(
    database: Database, bucket: Bucket, is_encrypted: bool, request: pytest.FixtureRequest
) -> None:
    if is_encrypted:
        request.getfixturevalue("encrypted")
    encoder_id = seed()
    before = answers(encoder_id)
    said = run("backup_database")
    assert ("NOT encrypted" in said) is not is_encrypted
    destroy(database)
    assert database.name not in databases()
    run("restore_database")
    assert answers(encoder_id) == before
    assert len(before[0]) == 3
    assert Case.objects.get().patient == "Ângela Ção"
    assert ProcrastinateJob.objects.get().task_name == "implants.embed_reference"
    # It is a database to go on with: keys count on, jobs can be asked for.
    reference_with_vector(unit_vector(99), EncoderFactory.create(), ImplantFactory.create())
    job("implants.embed_reference").defer(reference_id=2, correlation_id="")
    assert ReferenceVector.objects.count() == 61


def test_what_is_stored_tells_nothing_without_the_key(
    database: Database, bucket: Bucket, encrypted: str
) -> None:
    seed()
    run("backup_database")
    backup = newest_backup()
    assert backup is not None
    stored = bucket.read(backup.manifest.dump)
    assert stored.startswith(b"age-encryption.org/v1")
    assert b"PGDMP" not in stored
    assert sorted(keys_in(bucket)) == sorted([backup.manifest.dump, backup.manifest.key])


def test_another_key_does_not_open_it(
    database: Database, bucket: Bucket, encrypted: str, settings: Any
) -> None:
    run("backup_database")
    settings.BACKUP_ENCRYPTION_KEY = str(Identity.generate())
    with pytest.raises(CommandError, match="does not open"):
        run("restore_database", "--replace")
    settings.BACKUP_ENCRYPTION_KEY = ""
    with pytest.raises(CommandError, match="set BACKUP_ENCRYPTION_KEY"):
        run("restore_database", "--replace")
    assert {name for name in databases() if name.startswith(database.name)} == {database.name}
