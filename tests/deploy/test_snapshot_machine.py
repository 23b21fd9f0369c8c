"""Snapshots of a machine, by a `doctl` that keeps its snapshots in a file."""

import os
import subprocess
from pathlib import Path

import pytest

from raiox.settings.environment import PROJECT_DIR

SCRIPT = PROJECT_DIR / "deploy" / "server" / "snapshot_machine.sh"
DOCTL = """#!/bin/bash
set -e
echo "$*" >> calls
case "$1 $2 $3" in
  "compute droplet list") cat droplets ;;
  "compute snapshot list") cat snapshots ;;
  "compute droplet-action snapshot")
    [ ! -e fails ] || exit 1
    [ -e forgets ] || echo "900$(wc -l < snapshots) $6 $4" >> snapshots ;;
  "compute snapshot delete") sed -i "/^$4 /d" snapshots ;;
  *) echo "unknown: $*" >&2; exit 64 ;;
esac
"""
OTHERS = ["31 by-hand 101", "32 raiox-weekly-db-20200101T000000Z 102", "33 raiox-weekly-web-x 999"]


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """Two machines, and snapshots of other machines and other people's."""
    doctl = tmp_path / "doctl"
    doctl.write_text(DOCTL)
    doctl.chmod(0o755)
    (tmp_path / "droplets").write_text("101 web\n102 db\n103 twin\n104 twin\n")
    (tmp_path / "snapshots").write_text("\n".join(OTHERS) + "\n")
    return tmp_path


def weekly(account: Path, *days: int) -> list[str]:
    """Snapshots of earlier weeks; gives their lines."""
    lines = [f"{day} raiox-weekly-web-202601{day:02}T030000Z 101" for day in days]
    with (account / "snapshots").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    return lines


def run(account: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    path = f"{account}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", SCRIPT, *arguments],
        cwd=account,
        env={"PATH": path, **more},
        capture_output=True,
        text=True,
        timeout=60,
    )


def snapshots(account: Path) -> list[str]:
    return (account / "snapshots").read_text().splitlines()


@pytest.mark.parametrize("machine", ["web", "101"])
def test_four_are_kept_and_nobody_elses_are_touched(account: Path, machine: str) -> None:
    old = weekly(account, 22, 1, 15, 8, 29)
    done = run(account, machine)
    assert done.returncode == 0, done.stderr
    left = [line for line in snapshots(account) if line not in OTHERS]
    assert left[:-1] == [old[0], old[2], old[4]]
    assert left[-1].split()[1].startswith("raiox-weekly-web-20")
    assert set(OTHERS) < set(snapshots(account))
    assert "4 are kept" in done.stdout


def test_the_first_ones_are_all_kept(account: Path) -> None:
    old = weekly(account, 1, 8)
    assert run(account, "web").returncode == 0
    assert len(snapshots(account)) == len(OTHERS) + 3
    assert set(old) < set(snapshots(account))


def test_another_number_can_be_kept(account: Path) -> None:
    weekly(account, 1, 8, 15)
    assert run(account, "web", KEEP="2").returncode == 0
    assert len(snapshots(account)) == len(OTHERS) + 2


@pytest.mark.parametrize("trouble", ["fails", "forgets"])
def test_without_a_new_one_nothing_is_deleted(account: Path, trouble: str) -> None:
    weekly(account, 1, 8, 15, 22, 29)
    (account / trouble).touch()
    before = snapshots(account)
    done = run(account, "web")
    assert done.returncode == 1
    assert "nothing was deleted" in done.stderr
    assert snapshots(account) == before


@pytest.mark.parametrize(
    ("arguments", "keep", "said"),
    [
        (("web", "db"), "4", "snapshot_machine.sh [NAME_OR_ID]"),
        (("none",), "4", "there is no machine none"),
        (("twin",), "4", "give its ID"),
        (("web",), "0", "KEEP must be a number"),
    ],
)
def test_what_makes_no_sense_is_refused(
    account: Path, arguments: tuple[str, ...], keep: str, said: str
) -> None:
    before = snapshots(account)
    done = run(account, *arguments, KEEP=keep)
    assert done.returncode != 0
    assert said in done.stderr
    assert snapshots(account) == before


@pytest.mark.parametrize("home", [{}, {"HOME": "/nonexistent"}])
def test_as_its_unit_runs_it(account: Path, home: dict[str, str]) -> None:
    """No argument, no home of its own; the token is a credential, and on no command line."""
    (account / "DIGITALOCEAN_TOKEN").write_text("not-a-token\n")
    with (account / "doctl").open("a") as doctl:
        doctl.write('[ "$DIGITALOCEAN_ACCESS_TOKEN" = not-a-token ]; [ -d "$XDG_CONFIG_HOME" ]\n')
    done = run(account, CREDENTIALS_DIRECTORY=str(account), SNAPSHOT_MACHINE="web", **home)
    assert done.returncode == 0, done.stderr
    assert len(snapshots(account)) == len(OTHERS) + 1
    assert "not-a-token" not in (account / "calls").read_text()


def test_without_a_name_it_is_this_machine(account: Path) -> None:
    assert f"there is no machine {os.uname().nodename}" in run(account).stderr


def test_help_needs_no_doctl(account: Path) -> None:
    (account / "doctl").unlink()
    assert "snapshot_machine.sh [NAME_OR_ID]" in run(account, "--help").stdout
    assert "doctl is not installed" in run(account, "web").stderr
