"""Each step of bootstrap.sh that runs without systemd and apt, on a machine below a folder."""

import os
import re
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.common.certificates import certificate
from tests.deploy import tools
from tests.deploy.machine import HOST, SERVER, Machine

DATABASE = {"RAIOX_APP_ADDRESSES": "10.0.0.2 10.0.0.4", "RAIOX_DATABASE_ADDRESS": "10.0.0.3"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """An empty one."""
    return Machine(tmp_path).begin()


@pytest.fixture
def server(application_server: Machine, tmp_path: Path) -> Machine:
    """An application server that nobody has used yet."""
    made = application_server.copy(tmp_path)
    for program in ("systemctl", "nginx"):
        made.told(program)
    return made


def snapshot(machine: Machine) -> dict[str, tuple[int, int, int, int, bytes]]:
    """Everything below the machine's root: owner, group, mode, time of writing and content."""
    found = {}
    for path in sorted(machine.root.rglob("*")):
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        numbers = (facts.st_uid, facts.st_gid, facts.st_mode, facts.st_mtime_ns)
        found[str(path.relative_to(machine.root))] = (*numbers, content)
    return found


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.lstat().st_mode))


# The application server


def test_an_empty_machine_becomes_an_application_server(machine: Machine) -> None:
    said = machine.make("app")
    assert said[-1].startswith("ready")
    assert not any(line.startswith("already so") for line in said[:8])
    assert mode(machine.file("/etc/raiox/credentials")) == "0o700"
    assert mode(machine.file("/var/lib/raiox")) == "0o750"
    assert re.search("^raiox:.*www-data", machine.file("/etc/group").read_text(), re.MULTILINE)
    assert machine.file("/etc/systemd/system/raiox-web.service").is_file()
    assert "to do       no release is installed: nothing is started yet" in said


def test_a_second_run_changes_nothing_and_says_so(server: Machine) -> None:
    before = snapshot(server)
    said = server.make("app")
    assert snapshot(server) == before
    assert not [line for line in said if line.startswith("done")]
    assert said[-1] == "ready       0 steps changed something"
    assert not [line for line in server.told("systemctl") if not line.startswith("is-")]
    assert server.told("nginx") == []


def test_what_somebody_changed_is_put_right(server: Machine) -> None:
    server.file("/etc/systemd/system/raiox-web.service").write_text("[Service]\n")
    server.file("/etc/raiox/credentials/SECRET_KEY").chmod(0o644)
    said = server.make("app")
    changed = [line.split(maxsplit=1)[1] for line in said if line.startswith("done")]
    assert changed == [
        "secret SECRET_KEY", "/etc/systemd/system/raiox-web.service", "systemd has read its units",
    ]  # fmt: skip
    assert "daemon-reload" in server.told("systemctl")
    assert mode(server.file("/etc/raiox/credentials/SECRET_KEY")) == "0o600"


def test_settings_and_secrets_are_the_operators(server: Machine) -> None:
    server.set(ALLOWED_HOSTS="mine.example")
    secret = server.file("/etc/raiox/credentials/JF_SECRET")
    secret.write_text("of mine\n")
    server.make("app")
    assert "ALLOWED_HOSTS=mine.example" in server.file("/etc/raiox/raiox.env").read_text()
    assert secret.read_text() == "of mine\n"


def test_secrets_of_our_own_are_made_up_and_others_are_told_to_be_empty(machine: Machine) -> None:
    said = machine.make("app")
    folder = machine.file("/etc/raiox/credentials")
    made = [path.read_text().strip() for path in (folder / "SECRET_KEY", folder / "WEBHOOK_TOKENS")]
    assert all(len(value) >= 50 for value in made) and made[0] != made[1]
    assert {mode(path) for path in folder.iterdir()} == {"0o600"}
    units = "".join(
        path.read_text() for path in (SERVER / "systemd").rglob("*.*") if path.is_file()
    )
    assert {path.name for path in folder.iterdir()} == set(
        re.findall(r"^LoadCredential=(\w+)", units, re.MULTILINE)
    )
    assert "empty       /etc/raiox/credentials/DATABASE_URL" in said
    assert not any(value in line for value in made for line in said)


def test_secrets_that_were_brought_before_are_kept(machine: Machine) -> None:
    """Of a machine that was lost, out of the vault: a new token would turn Jotform away."""
    folder = machine.file("/etc/raiox/credentials")
    folder.mkdir(parents=True)
    for name in ("SECRET_KEY", "WEBHOOK_TOKENS", "BACKUP_ENCRYPTION_KEY"):
        (folder / name).write_text(f"{name} of before\n")
        (folder / name).chmod(0o644)
    machine.file("/etc/raiox/raiox.env").write_text("RAIOX_ENV=production\n")
    machine.make("app")
    for name in ("SECRET_KEY", "WEBHOOK_TOKENS", "BACKUP_ENCRYPTION_KEY"):
        assert (folder / name).read_text() == f"{name} of before\n"
        assert mode(folder / name) == "0o600"
    assert machine.file("/etc/raiox/raiox.env").read_text() == "RAIOX_ENV=production\n"


def test_a_run_that_broke_off_is_made_up_for(machine: Machine) -> None:
    good = (machine.bin / "nginx").read_text()
    machine.fake("nginx", "#!/bin/sh\necho 'nginx: [emerg] no' >&2; exit 1\n")
    broken = machine.bootstrap("app", "--skip-packages")
    assert broken.returncode != 0 and "[emerg] no" in broken.stderr
    machine.fake("nginx", good)
    machine.told("systemctl")
    assert "done        nginx has read its files" in machine.make("app")
    assert "reload-or-restart nginx" in machine.told("systemctl")


def test_a_step_that_does_not_help_ends_the_run(machine: Machine) -> None:
    machine.fake("ufw", "#!/bin/sh\n[ \"$1\" = status ] && echo 'Status: inactive'\nexit 0\n")
    done = machine.bootstrap("app", "--skip-packages")
    assert done.returncode != 0
    assert "firewall" in done.stderr and "still it is not so" in done.stderr


def test_with_a_release_everything_is_started(machine: Machine) -> None:
    machine.install_release()
    machine.make("app", RAIOX_WORKERS="2")
    started = {line.split()[-1] for line in machine.told("systemctl") if line.startswith("start ")}
    assert started >= {
        "raiox-web.socket", "raiox-web.service", "raiox-worker@1.service", "raiox-worker@2.service",
        "raiox-backup-database.timer", "raiox-verify-backup.timer", "raiox-snapshot.timer",
    }  # fmt: skip


def timers(machine: Machine) -> set[str]:
    """Those that start by themselves, and those that run."""
    return {path.name for path in machine.state.glob("*-raiox-*.timer")}


def test_one_application_server_has_the_timers_and_each_remembers(machine: Machine) -> None:
    machine.install_release()
    machine.make("app")
    assert len(timers(machine)) == 8
    machine.make("app", RAIOX_TIMERS="off")
    assert timers(machine) == set()
    assert machine.make("app")[-1] == "ready       0 steps changed something"
    assert timers(machine) == set()
    machine.make("app", RAIOX_TIMERS="on")
    machine.make("app")
    assert len(timers(machine)) == 8
    refused = machine.bootstrap("app", "--skip-packages", RAIOX_TIMERS="no")
    assert refused.returncode != 0 and "RAIOX_TIMERS is on or off" in refused.stderr


def test_the_certificate_comes_by_http_and_then_the_site_has_tls(
    server: Machine, tmp_path: Path
) -> None:
    new, _ = certificate(tmp_path, HOST, timedelta(days=90))
    server.set(PUBLIC_URL=f"http://{HOST}", CERTBOT_EMAIL="ops@raiox.example")
    server.make("app")
    site = server.file("/etc/nginx/sites-enabled/raiox")
    assert f"server_name {HOST};" in site.read_text() and "443" not in site.read_text()
    live = server.file(f"/etc/letsencrypt/live/{HOST}")
    live.parent.mkdir(parents=True)
    server.fake("certbot", f'#!/bin/sh\necho "$*" > {server.state}/certbot\n'
                 f"mkdir -p {live} && cp {new} {live}/fullchain.pem\n")  # fmt: skip
    said = server.make("tls")
    (asked,) = server.told("certbot")
    assert f"--webroot-path /var/www/certbot --domain {HOST} --email ops@raiox.example" in asked
    assert "listen 443 ssl" in site.read_text()
    assert any(line.startswith("to do") and "RAIOX_TLS=on" in line for line in said)
    assert server.make("tls")[-1] == "ready       0 steps changed something"
    assert server.told("certbot") == []
    (tmp_path / "old").mkdir()
    for days in (-1 / 1440, 5):
        old, _ = certificate(tmp_path / "old", HOST, timedelta(days=days))
        (live / "fullchain.pem").write_bytes(old.read_bytes())
        assert server.make("tls")[-1] == "ready       1 steps changed something"
        assert (live / "fullchain.pem").read_bytes() == new.read_bytes()
        assert len(server.told("certbot")) == 1


def test_settings_may_stand_in_quotes_as_systemd_takes_them(server: Machine) -> None:
    server.set(PUBLIC_URL=f'"https://{HOST}"', METRICS_NETWORKS="'127.0.0.0/8,10.0.0.5'")
    server.make("app")
    site = server.file("/etc/nginx/sites-enabled/raiox").read_text()
    assert f"server_name {HOST};" in site
    readers = server.file("/etc/nginx/snippets/raiox-metrics.conf").read_text().splitlines()
    assert readers[2:] == ["allow 127.0.0.0/8;", "allow 10.0.0.5;", "deny all;"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "which server"),
        (["web"], "unknown argument: web"),
        (["tls", "--skip-packages"], "PUBLIC_URL"),
        (["database", "--skip-packages"], "RAIOX_APP_ADDRESSES"),
    ],
)
def test_what_is_missing_is_said(machine: Machine, arguments: list[str], reason: str) -> None:
    done = machine.bootstrap(*arguments)
    assert done.returncode != 0 and reason in done.stderr


def test_old_versions_of_postgresql_are_refused(machine: Machine) -> None:
    done = machine.bootstrap("app", "--skip-packages", POSTGRESQL_MAJOR="15")
    assert done.returncode != 0 and "PostgreSQL 16 or newer" in done.stderr


def test_help_gives_examples(machine: Machine) -> None:
    done = machine.bootstrap("--help")
    assert done.returncode == 0 and "deploy/server/bootstrap.sh app" in done.stdout


# Packages: apt itself is not asked, since it would change this machine


def has_postgresql_s_own(machine: Machine) -> None:
    """The project's packages; the script that adds them would write to this machine itself."""
    sources = machine.file("/etc/apt/sources.list.d/pgdg.sources")
    sources.parent.mkdir(parents=True)
    sources.write_text("Signed-By: somebody\n")


@pytest.mark.parametrize(("pg_dump", "is_new_enough"), [("15.9", False), ("16.4", True)])
def test_backup_tools_are_never_older_than_the_server(
    machine: Machine, pg_dump: str, is_new_enough: bool
) -> None:
    machine.fake("dpkg-query", "#!/bin/sh\necho installed\n")
    machine.fake("pg_dump", f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {pg_dump}'\n")
    has_postgresql_s_own(machine)
    done = machine.bootstrap("app")
    assert (done.returncode == 0) is is_new_enough, done.stderr
    assert is_new_enough or "its backups would fail" in done.stderr


def test_missing_packages_are_installed_one_by_one(machine: Machine) -> None:
    machine.fake(
        "dpkg-query",
        f"""#!/bin/sh
        for last; do :; done; [ -e "{machine.state}/has-$last" ] && echo installed
    """,
    )
    machine.fake(
        "apt-get",
        f"""#!/bin/sh
        for last; do :; done; touch "{machine.state}/has-$last"; echo "$*" >> {machine.state}/apt
    """,
    )
    has_postgresql_s_own(machine)
    machine.fake("pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 17.1'\n")
    done = machine.bootstrap("app", POSTGRESQL_MAJOR="17")
    assert done.returncode == 0, done.stderr
    asked = machine.told("apt")
    assert [line for line in asked if line.startswith("update")] == asked[:1]
    installed = [line.split()[-1] for line in asked]
    assert {"nginx", "fail2ban", "certbot", "git", "age", "postgresql-client-17"} <= set(installed)
    assert "done        package nginx" in done.stdout.splitlines()
    machine.bootstrap("app", POSTGRESQL_MAJOR="17")
    assert machine.told("apt") == []


@pytest.mark.parametrize(("tries", "is_enough"), [(3, True), (31, False)])
def test_lists_that_somebody_else_reads_are_waited_for(
    machine: Machine, tries: int, is_enough: bool
) -> None:
    machine.fake("dpkg-query", f'#!/bin/sh\n[ -e "{machine.state}/had" ] && echo installed\n')
    machine.fake(
        "apt-get",
        f"""#!/bin/sh
        echo "$*" >> {machine.state}/apt
        case $* in
            update*) [ $(grep -c update {machine.state}/apt) -ge {tries} ] ;;
            *) touch {machine.state}/had ;;
        esac
    """,
    )
    machine.fake("sleep", "#!/bin/sh\n")
    has_postgresql_s_own(machine)
    machine.bootstrap("app")
    asked = machine.told("apt")
    assert len([line for line in asked if line.startswith("update")]) == min(tries, 30)
    assert any(" install " in line for line in asked) is is_enough


# Snapshots of the machine


def condition(unit: str, machine: Machine) -> bool:
    """Whether systemd would start it; its paths are those of the machine."""
    text = machine.file(f"/etc/systemd/system/{unit}").read_text()
    lines = re.findall(r"^Condition.+$", text, re.MULTILINE)
    assert len(lines) == 2
    asked = [line.replace("=/", f"={machine.root}/") for line in lines]
    done = subprocess.run([tools.path("systemd-analyze"), "condition", *asked], capture_output=True)
    return done.returncode == 0


def test_snapshots_are_off_until_they_can_be_taken_and_that_is_said(machine: Machine) -> None:
    program = machine.file("/usr/local/bin/doctl")
    program.parent.mkdir(parents=True)
    machine.make("app")
    token = machine.file("/etc/raiox/credentials/DIGITALOCEAN_TOKEN")
    assert token.read_text() == "", "systemd hands it to the unit, so it must be there"
    for has_program, text in (
        (False, ""),
        (True, ""),
        (False, "not-a-token"),
        (True, "not-a-token"),
    ):
        program.unlink(missing_ok=True)
        if has_program:
            program.touch(mode=0o755)
        token.write_text(text)
        said = [line for line in machine.make("app") if line.startswith("off")]
        is_on = has_program and bool(text)
        assert any("doctl" in line and token.name in line for line in said) is not is_on
        assert condition("raiox-snapshot.service", machine) is is_on


# The firewall


def test_the_application_server_lets_in_web_and_ssh(server: Machine) -> None:
    assert server.told("ufw") == ["ufw limit 22/tcp", "ufw allow 80/tcp", "ufw allow 443/tcp"]


def test_ssh_is_let_in_where_it_listens_and_where_somebody_has_come_in(machine: Machine) -> None:
    machine.ssh_at(2222, 2022)
    machine.make("app", SSH_CONNECTION="203.0.113.9 50000 10.0.0.2 7022")
    ssh = [f"ufw limit {port}/tcp" for port in (2022, 2222, 7022)]
    assert machine.told("ufw") == [*ssh, "ufw allow 80/tcp", "ufw allow 443/tcp"]


@pytest.mark.parametrize("sshd", ["#!/bin/sh\necho 'no hostkeys' >&2; exit 1\n", "#!/bin/sh\n"])
def test_no_wall_is_built_while_nobody_knows_where_ssh_listens(machine: Machine, sshd: str) -> None:
    machine.fake("sshd", sshd)
    done = machine.bootstrap("app", "--skip-packages")
    assert done.returncode != 0 and "ufw.sh: sshd" in done.stderr
    assert not (machine.state / "ufw-on").exists()


def test_a_rule_that_ufw_does_not_know_ends_the_run(machine: Machine) -> None:
    done = machine.bootstrap("database", "--skip-packages", **{
        **DATABASE, "RAIOX_APP_ADDRESSES": "10.0.0.999",
    })  # fmt: skip
    assert done.returncode != 0 and "ready" not in done.stdout


def test_scripts_can_be_run() -> None:
    for name in ("bootstrap.sh", "ufw.sh", "alert.sh", "manage.sh"):
        assert os.access(SERVER / name, os.X_OK), name
