"""The whole list against real processes."""

import json
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from raiox.golive.checks import CHECKS, check_all
from raiox.golive.line import Line, Plan, Status, ok, warn
from raiox.management.commands import golive_check
from tests.sandbox.process import ROOT
from tests.stack import SYSTEMS, Stack, film


def run(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "golive_check", *options], cwd=ROOT, text=True,
        capture_output=True, env=stack.environment,
    )  # fmt: skip


def test_the_list_against_a_running_service(stack: Stack) -> None:
    submission = stack.sandbox.submit({}, files={"a.png": film(SYSTEMS[0], query=True)})["id"]
    stack.pending(submission)
    events = "SELECT count(*) FROM inbound_events"
    # Other tests' accounts may stand there already.
    accounts = "SELECT username FROM auth_user WHERE username LIKE 'machine:%%' ORDER BY 1"
    before, were = stack.sql(events), stack.sql(accounts)
    encoder = stack.sql("SELECT name FROM encoders WHERE is_active")[0][0]
    done = run(stack, "--json", "--encoder", encoder, "--logs", str(stack.folder))
    told = json.loads(done.stdout)["checks"]
    assert list(told) == list(CHECKS)
    found = {name: line["status"] for name, line in told.items()}
    # What other tests of this session did to the service stands in its logs.
    assert told["logs"]["seen"].partition(" ")[0] != "0"
    # It is a test machine, and says so: these lines can't be right here.
    expected = dict.fromkeys(CHECKS, "ok") | {
        "mode": "fail",
        "settings": found["settings"],
        "certificate": "warn",
        "second factor": "fail",
        "webhook to pending": found["webhook to pending"],
        "backups": "fail",
        "logs": found["logs"],
        "disk": found["disk"],
    }
    assert found == expected, told
    assert " of " in told["webhook to pending"]["seen"]
    failed = [name for name, status in found.items() if status == "fail"]
    assert done.returncode == 1
    assert f"{len(failed)} of {len(CHECKS)} failed: {', '.join(failed)}." in done.stderr
    assert stack.token not in done.stdout + done.stderr
    assert stack.sql(events) == before
    assert stack.sql(accounts) == were


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs the command with these lines instead of the list's; what it prints."""

    def run_with(lines: dict[str, Line], *options: str) -> str:
        monkeypatch.setattr(golive_check, "check_all", lambda _: lines)
        out = StringIO()
        call_command("golive_check", *options, stdout=out)
        return out.getvalue()

    return run_with


def test_a_warning_stops_nothing_and_says_what_to_do(listed: Callable[..., str]) -> None:
    printed = listed({"clock": warn("odd", "Wind it."), "disk": ok("much")})
    assert printed.splitlines() == [
        "clock  warn  odd",
        "          -> Wind it.",
        "disk   ok    much",
    ]


def test_a_failure_is_an_error(listed: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match=r"1 of 1 failed: disk\."):
        listed({"disk": Line(Status.FAIL, "full")})


@pytest.mark.parametrize(
    ("env", "options", "mode"),
    [
        ("stage", (), "stage"),
        ("stage", ("--mode", "production"), "production"),
        ("production", (), "production"),
        ("local", (), "production"),
    ],
)
def test_stage_is_held_to_be_stage(
    settings: Any, monkeypatch: pytest.MonkeyPatch, env: str, options: tuple[str, ...], mode: str
) -> None:
    plans: list[Plan] = []

    def noted(plan: Plan) -> dict[str, Line]:
        plans.append(plan)
        return {"clock": ok("fine")}

    monkeypatch.setattr(golive_check, "check_all", noted)
    settings.RAIOX_ENV = env
    call_command("golive_check", *options, stdout=StringIO())
    assert [plan.mode for plan in plans] == [mode]


def test_a_check_that_breaks_hides_no_other() -> None:
    def broken(_: Plan) -> Line:
        raise LookupError("Ana Dias")

    def told(_: Plan) -> Line:
        raise ValueError("what was wrong")

    checks: dict[str, Any] = {"first": broken, "second": told, "third": lambda _: ok("fine")}
    lines = check_all(Plan(url=""), checks)
    assert [line.status for line in lines.values()] == ["fail", "fail", "ok"]
    assert (lines["first"].seen, lines["second"].seen) == ("LookupError", "what was wrong")
