"""Backup and restore of a database that is bigger than they may become."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from raiox.backups.postgres import Database
from raiox.backups.storage import Bucket
from raiox.settings.environment import PROJECT_DIR
from tests.backups.conftest import RANDOM_MEGABYTES

MIB = 2**20
PROGRAM = """
import json, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from raiox.backups.newest import newest_backup
import pytest

from raiox.backups.postgres import Database

def peak():
    # Of this program alone: getrusage() counts the process that it was forked from, too.
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

def both():
    with open("/dev/null", "w") as out:
        call_command("backup_database", stdout=out)
        call_command("verify_backup", stdout=out)
    return peak()

connection.settings_dict["NAME"] = sys.argv[1]
small = both()
with Database.configured().connect() as database:
    database.execute(sys.argv[2])
print(json.dumps([small, both(), newest_backup().size]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux tells peaks")
def test_memory_does_not_grow_with_the_database(
    database: Database, bucket: Bucket, encrypted: str, settings: Any
) -> None:
    names = ("BUCKET", "REGION", "ENDPOINT", "KEY", "SECRET", "ENCRYPTION_KEY")
    where = {f"BACKUP_{name}": str(getattr(settings, f"BACKUP_{name}")) for name in names}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, database.name, RANDOM_MEGABYTES.format(100)],
        cwd=PROJECT_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **where},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    small, big, size = json.loads(done.stdout)
    print(f"peak {small / MIB:.0f} MiB, with a dump of {size / MIB:.0f} MiB {big / MIB:.0f} MiB")
    assert size > 100 * MIB
    assert big - small < 70 * MIB
