"""Clock and disks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from raiox.golive.line import Plan, Status
from raiox.golive.machine import clock, disk
from tests.common.loopback import answer, serve
from tests.sandbox.process import SandboxProcess
from tests.stack import free_port

PLAN = Plan(url="http://127.0.0.1:1")


@pytest.mark.django_db
def test_clocks_that_agree(sandbox: SandboxProcess) -> None:
    line = clock(PLAN)
    assert line.status == Status.OK, line
    assert line.seen.startswith("database +0.0 s") or line.seen.startswith("database -0.0 s")
    assert "Jotform" in line.seen


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [-5, 5])
def test_clock_that_the_outside_contradicts(settings: Any, seconds: int) -> None:
    with serve() as server:
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        server.answers["/"] = answer(Date=format_datetime(at, usegmt=True))
        settings.JOTFORM_API_URL = server.origin
        line = clock(PLAN)
    assert (line.status, "NTP" in line.todo) == (Status.FAIL, True)


@pytest.mark.django_db
def test_clock_of_the_database(sandbox: SandboxProcess) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA shifted")
        cursor.execute(
            "CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
            " AS $$ SELECT pg_catalog.clock_timestamp() + interval '4 seconds' $$"
        )
        cursor.execute("SET LOCAL search_path = shifted, pg_catalog, public")
    line = clock(PLAN)
    assert (line.status, "database +4.0 s" in line.seen) == (Status.FAIL, True)


@pytest.mark.django_db
def test_clock_that_nobody_outside_confirms(settings: Any) -> None:
    settings.JOTFORM_API_URL = f"http://127.0.0.1:{free_port()}"
    assert clock(PLAN).status == Status.WARN
    with serve() as server:
        server.answers["/"] = answer()  # says no time
        settings.JOTFORM_API_URL = server.origin
        assert clock(PLAN).status == Status.WARN


def test_disk_with_and_without_room(tmp_path: Path) -> None:
    here = replace(PLAN, folders=(tmp_path,), free_gb=0)
    line = disk(here)
    assert (line.status, f"{tmp_path} " in line.seen) == (Status.OK, True)
    assert disk(replace(here, free_gb=1e9)).status == Status.FAIL
    assert disk(replace(here, folders=(tmp_path / "nowhere",))).status == Status.FAIL
