"""A backup is older than what was erased since: it stays erased after a restore."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cases.models import Case
from cases.privacy.models import ErasedSubmission
from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket
from tests.backups.test_restore import ours
from tests.backups.test_round_trip import run, seed
from webhooks.models import InboundEvent


def test_what_was_erased_after_the_backup_stays_erased(database: Database, bucket: Bucket) -> None:
    seed()
    erased = Case.objects.get()
    form = erased.form
    Case.objects.create(form=form, submission_id="another")
    for number in ("6200000000000000001", "webhook alone", "another"):
        InboundEvent.objects.create(form_id=form.form_id, submission_id=number, digest=number)
    run("backup_database")
    call_command("erase_case", str(erased.pk), "--yes")
    call_command("erase_case", "--submission", form.form_id, "webhook alone", "--yes")
    ErasedSubmission.objects.create(digest="of what no backup holds")
    run("restore_database", "--replace")
    assert Case.objects.count() == 2
    [kept] = ours(database) - {database.name}
    assert "3 erasures known, 2 submissions erased again" in run("repeat_erasures", kept)
    assert Case.objects.get().submission_id == "another"
    assert InboundEvent.objects.get().submission_id == "another"
    assert ErasedSubmission.objects.count() == 3
    assert "3 erasures known, 0 submissions" in run("repeat_erasures", kept)


def test_a_database_that_knows_nothing_is_told(database: Database) -> None:
    with pytest.raises(CommandError, match="No connection to the database nowhere"):
        run("repeat_erasures", "nowhere")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE erased_submissions RENAME TO others")
    with pytest.raises(CommandError, match="knows of no erasures"):
        run("repeat_erasures", database.name)
