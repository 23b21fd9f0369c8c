"""install.sh below a folder: programs take what it leaves; a second run changes nothing."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.machine import Machine
from tests.deploy.test_units import analyze
from tests.deploy.test_units import installed as installed
from tests.deploy.tools import path
from tests.deploy.watchers import WATCH, alertmanager_version

GIVEN: Final = {
    "watch": {"TELEGRAM_CHAT_ID": "-100200300", "RAIOX_APP_ADDRESSES": "10.0.0.2 10.0.0.4"},
    "machine": {"RAIOX_ADDRESS": "10.0.0.2", "RAIOX_WATCH_ADDRESS": "10.0.0.5"},
}


@pytest.fixture
def empty(tmp_path: Path) -> Machine:
    return Machine(tmp_path).begin()


def install(machine: Machine, kind: str, **given: str) -> subprocess.CompletedProcess[str]:
    programs = os.pathsep.join([str(machine.bin), os.environ["PATH"], "/usr/sbin", "/sbin"])
    return subprocess.run(
        [str(WATCH / "install.sh"), kind, "--skip-packages"], capture_output=True, text=True,
        env={"PATH": programs, "RAIOX_ROOT": str(machine.root), **given},
    )  # fmt: skip


def made(machine: Machine, kind: str, **given: str) -> str:
    done = install(machine, kind, **given)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_not_given_is_asked_for(empty: Machine) -> None:
    done = install(empty, "watch", RAIOX_APP_ADDRESSES="10.0.0.2")
    assert (done.returncode, "TELEGRAM_CHAT_ID is not given" in done.stderr) == (1, True)
    done = install(empty, "watch", **GIVEN["watch"] | {"TELEGRAM_CHAT_ID": "@raiox"})
    assert (done.returncode, "is a number" in done.stderr) == (1, True)
    assert install(empty, "everything").returncode == 1


@pytest.mark.parametrize("kind", ["watch", "machine"])
def test_a_second_run_knows_all_and_changes_nothing(empty: Machine, kind: str) -> None:
    assert "ready       0 steps" not in made(empty, kind, **GIVEN[kind])
    assert "ready       0 steps changed something" in made(empty, kind)


def test_the_machine_that_watches_is_watched_too(empty: Machine) -> None:
    """Both kinds on one machine: neither forgets what the other one was given."""
    itself = {"RAIOX_ADDRESS": "10.0.0.5", "RAIOX_WATCH_ADDRESS": "10.0.0.5"}
    made(empty, "watch", **GIVEN["watch"])
    made(empty, "machine", **itself)
    given = empty.file("/etc/raiox/watch.env").read_text().splitlines()
    assert set(given) == {
        f"{name}={value}"
        for name, value in (GIVEN["watch"] | itself | {"WATCH_URL": "http://10.0.0.5:9093"}).items()
    }
    for kind in ("watch", "machine"):
        assert "ready       0 steps changed something" in made(empty, kind)
    assert "ufw allow from 10.0.0.5 to any port 9100 proto tcp" in empty.told("ufw")


def test_machine_that_watches(empty: Machine) -> None:
    made(empty, "watch", **GIVEN["watch"])
    folder = empty.file("/etc/prometheus")
    done = subprocess.run(
        [path("promtool"), "check", "config", str(folder / "prometheus.yml")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    config = (folder / "alertmanager.yml").read_text()
    assert "chat_id: -100200300\n" in config
    if alertmanager_version() < (0, 26):
        config = config.replace("bot_token_file:", "bot_token:")
    (folder / "checked.yml").write_text(config)
    done = subprocess.run(
        [path("amtool"), "check-config", str(folder / "checked.yml")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (empty.state / "ufw-on").exists()
    assert empty.told("ufw") == [
        "ufw limit 22/tcp",
        "ufw allow from 10.0.0.2 to any port 9093 proto tcp",
        "ufw allow from 10.0.0.4 to any port 9093 proto tcp",
    ]
    token = empty.file("/etc/raiox/credentials/TELEGRAM_BOT_TOKEN")
    assert (token.stat().st_mode & 0o777, token.read_text()) == (0o600, "")
    restarted = [line for line in empty.told("systemctl") if line.startswith("restart")]
    assert len(restarted) == 3


def test_what_is_watched_stays_the_operator_s(empty: Machine) -> None:
    made(empty, "watch", **GIVEN["watch"])
    service = empty.file("/etc/prometheus/raiox/service.yml")
    service.write_text('- targets: ["10.0.0.2:80", "10.0.0.4:80"]\n')
    made(empty, "watch")
    assert "10.0.0.4" in service.read_text()


def test_application_server(installed: Machine, tmp_path: Path) -> None:
    machine = installed.copy(tmp_path)
    shutil.copytree(WATCH, machine.file("/opt/raiox/current/deploy/watch"))
    made(machine, "machine", **GIVEN["machine"])
    units = machine.file("/etc/systemd/system")
    for unit in ("raiox-backup-database", "raiox-backup-objects", "raiox-verify-backup"):
        assert (units / f"{unit}.service").is_file()
        assert "finished.sh %N" in (units / f"{unit}.service.d" / "30-finished.conf").read_text()
    assert "raiox-watched.timer" in " ".join(machine.told("systemctl"))
    for unit in ("raiox-watched.service", "raiox-watched.timer", "raiox-backup-database.service"):
        done = analyze(machine, "verify", "--man=no", unit)
        assert (done.returncode, done.stderr) == (0, ""), unit
    given = machine.file("/etc/raiox/watch.env").read_text().splitlines()
    assert "WATCH_URL=http://10.0.0.5:9093" in given


def test_database_server_has_no_units_of_ours(empty: Machine) -> None:
    made(empty, "machine", **GIVEN["machine"])
    assert not list(empty.root.glob("etc/systemd/system/raiox-*"))
