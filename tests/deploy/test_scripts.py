"""Scripts, the alert that they send, and the rotation of logs."""

import gzip
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.common.loopback import answer, serve
from tests.deploy import tools
from tests.deploy.machine import SERVER
from tests.sandbox.process import ROOT, wait_for

TOKEN: Final = "-".join(("12345", "not", "a", "token"))
SCRIPTS: Final = sorted((ROOT / "deploy").rglob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(
        [tools.path("shellcheck"), "--external-sources", f"--source-path={ROOT}", str(script)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


# The alert


def alert(folder: Path, token: str, **settings: str) -> subprocess.CompletedProcess[str]:
    (folder / "TELEGRAM_BOT_TOKEN").write_text(token)
    return subprocess.run(
        [str(SERVER / "alert.sh"), "raiox-backup-database.service"], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(folder), **settings},
    )  # fmt: skip


def test_the_chat_hears_which_unit_failed_and_no_list_shows_the_token(tmp_path: Path) -> None:
    seen: list[str] = []

    def look(connection: socket.socket) -> None:
        every = psutil.process_iter(["cmdline"])
        seen.extend(" ".join(process.info["cmdline"] or []) for process in every)
        connection.sendall(answer(b'{"ok": true}'))

    with serve() as telegram:
        telegram.answers[f"/bot{TOKEN}/sendMessage"] = look
        done = alert(
            tmp_path, f"{TOKEN}\n", TELEGRAM_CHAT_ID="77", TELEGRAM_API_URL=telegram.origin
        )
    assert done.returncode == 0, done.stderr
    told = telegram.asked[0].body.decode()
    assert "chat_id=77" in told and "raiox-backup-database.service+falhou" in told.replace(
        "%20", "+"
    )
    assert any("curl" in line for line in seen)
    assert not any(TOKEN in line for line in seen)


def test_an_alert_that_nobody_hears_fails(tmp_path: Path) -> None:
    assert alert(tmp_path, "", TELEGRAM_CHAT_ID="77").returncode == 1
    with serve() as telegram:
        refused = alert(tmp_path, TOKEN, TELEGRAM_CHAT_ID="77", TELEGRAM_API_URL=telegram.origin)
    assert refused.returncode != 0 and TOKEN not in refused.stderr


# raiox-manage


def test_a_command_runs_as_a_unit_of_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "systemd-run").write_text('#!/bin/sh\necho "$*"\nexit 3\n')
    (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
    for program in ("systemd-run", "id"):
        (tmp_path / program).chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = [str(SERVER / "manage.sh"), "check", "--deploy"]
    done = subprocess.run(command, env=path, capture_output=True, text=True)
    assert done.returncode == 3
    assert re.search(r"--wait .*--pipe --unit=raiox-manage-\d+\.service ", done.stdout)
    assert done.stdout.endswith("/opt/raiox/current/.venv/bin/python manage.py check --deploy\n")
    assert subprocess.run(command[:1], env=path, capture_output=True).returncode == 2


# Rotation: a program goes on writing into the file that it was given

WRITER: Final = """
import json, sys, time
for number in range(4000):
    print(json.dumps({"number": number}), flush=True)
    time.sleep(0.001)
"""


def test_logs_are_rotated_while_somebody_writes(tmp_path: Path) -> None:
    logs = tmp_path / "log"
    logs.mkdir(mode=0o750)
    text = (SERVER / "logrotate" / "raiox").read_text()
    conf = tmp_path / "logrotate.conf"
    conf.write_text(text.replace("/var/log/raiox", str(logs)))
    conf.chmod(0o644)
    command = [tools.path("logrotate"), "--state", str(tmp_path / "state"), str(conf)]
    checked = subprocess.run([*command, "--debug"], capture_output=True, text=True)
    assert checked.returncode == 0 and "error" not in checked.stderr
    log = logs / "web.log"
    with log.open("ab") as output, subprocess.Popen([sys.executable, "-c", WRITER], stdout=output):
        for _ in range(2):
            wait_for(lambda: log.stat().st_size > 5000, 20)
            subprocess.run([*command, "--force"], check=True)
    kept = [log, logs / "web.log.1", logs / "web.log.2.gz"]
    written = [path.read_bytes() for path in kept[:2]] + [gzip.decompress(kept[2].read_bytes())]
    lines = b"".join(reversed(written)).decode().splitlines()
    numbers = [json.loads(line)["number"] for line in lines if re.fullmatch(r"{.*}", line)]
    assert b"\0" not in b"".join(written)
    assert numbers == sorted(set(numbers)) and numbers[-1] == 3999
    # What is written between copying and emptying is lost: some milliseconds.
    assert len(numbers) > 3900
