"""A restore that was killed while the database was closed: the runbook's command opens it again."""

import os
import re
import shlex
import signal
import subprocess
import warnings
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from implants.models import ReferenceVector
from raiox.backups import restoring
from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket
from raiox.embedded_postgres.places import tool
from tests.backups.test_keeping import back_up
from tests.backups.test_round_trip import run, seed
from tests.sandbox.process import ROOT

RUNBOOK = (ROOT / "deploy/OPERACAO.md").read_text()
OPENS = re.compile(r"^runuser -u postgres -- (psql .*ALTER DATABASE raiox .*)$", re.MULTILINE)


def restore_and_die(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, by SIGKILL, after the databases are closed and before the names."""

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    connection.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child uses none
        child = os.fork()
    if not child:
        try:
            monkeypatch.setattr(restoring, "_rename", die)
            run("restore_database", "--replace")
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def test_the_runbook_opens_a_database_that_a_killed_restore_left_closed(
    database: Database, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed()
    back_up()
    ReferenceVector.objects.all()[:1].get().delete()
    restore_and_die(monkeypatch)
    with pytest.raises(OperationalError, match="is not currently accepting connections"):
        ReferenceVector.objects.count()
    with pytest.raises(CommandError, match="is not currently accepting connections"):
        run("restore_database", "--replace")
    [command] = OPENS.findall(RUNBOOK)
    program, *words = shlex.split(command.replace("DATABASE raiox", f'DATABASE "{database.name}"'))
    subprocess.run([tool(program), *words], env=database.environment(), check=True)
    assert ReferenceVector.objects.count() == 59
    run("restore_database", "--replace")
    assert ReferenceVector.objects.count() == 60
