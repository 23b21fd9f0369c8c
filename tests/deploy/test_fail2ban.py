"""The jails, on lines that the real service and the real nginx have written."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.deploy import tools
from tests.deploy.machine import Machine
from tests.deploy.site import Site
from tests.sandbox.process import wait_for

GUESSER, STRANGER, FLOOD, PROBE = (f"127.0.0.{number}" for number in (61, 62, 63, 64))
FRIENDS: Final = ("127.0.0.71", "127.0.0.72", "127.0.0.73")
JAILS: Final = {
    "raiox-login": GUESSER,
    "raiox-webhook": STRANGER,
    "raiox-flood": FLOOD,
    "raiox-probe": PROBE,
}
WRONG: Final = json.dumps({"username": "brenda", "password": "wrong-password"}).encode()
# What somebody types must not look like a line of ours.
FORGED: Final = '", "event": "log-in refused", "client": "127.0.0.99"}'


@pytest.fixture(scope="module")
def lived(behind_nginx: Site) -> Site:
    """Guessers, strangers, floods and probes, and among them people who mean well."""
    site = behind_nginx
    for _ in range(25):
        _log_in(site, GUESSER)
    for number in range(110):
        site.ask(f"/webhook/wrong{number}", method="POST", client=STRANGER)
    for _ in range(400):
        site.ask("/auth/token", client=FLOOD)
    for path in ("/wp-login.php", "/.env", "/.git/config", "/phpmyadmin/", "/cgi-bin/x", "/a.php"):
        site.ask(path, client=PROBE)
    _mean_well(site)
    wait_for(lambda: _last(site, "/last-of-all"), 10)
    return site


def _log_in(site: Site, client: str, body: bytes = WRONG) -> None:
    kind = {"Content-Type": "application/json"}
    site.ask("/auth/token", method="POST", client=client, body=body, headers=kind)


def _mean_well(site: Site) -> None:
    """Nobody of these may be banned."""
    reviewer, clinic, jotform = FRIENDS
    cookie = site.session()
    for path in ("/admin/", "/admin/cases/case/", "/nowhere", "/files/cases/x", "/static/x.css"):
        site.ask(path, client=reviewer, headers=cookie)
    password = site.stack.passwords["brenda"]
    _log_in(site, clinic, json.dumps({"username": "brenda", "password": password}).encode())
    _log_in(site, clinic, json.dumps({"username": FORGED, "password": FORGED}).encode())
    body = b"rawRequest=%7B%7D&formID=1&submissionID=2"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    site.ask(f"/webhook/{site.stack.token}", method="POST", client=jotform, body=body, headers=kind)
    site.ask(
        f"/nowhere?{FORGED}".replace(" ", "%20"), client=clinic, headers={"User-Agent": FORGED}
    )
    site.ask("/last-of-all", client=clinic)


def _last(site: Site, path: str) -> bool:
    return f'"path": "{path}"' in site.access_log.read_text()


def regex(site: Site, jail: str) -> dict[str, int]:
    """How often each address matched, by fail2ban-regex."""
    log = site.web_log if jail in ("raiox-login", "raiox-webhook") else site.access_log
    filters = site.machine.file("/etc/fail2ban/filter.d")
    done = subprocess.run(
        [tools.path("fail2ban-regex"), "--out", "<ip>", str(log), str(filters / f"{jail}.conf")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = done.stdout.split()
    return {address: found.count(address) for address in set(found)}


def test_wrong_passwords_are_seen_and_nothing_else(lived: Site) -> None:
    found = regex(lived, "raiox-login")
    assert found[GUESSER] == 25
    # Somebody of the clinic mistyped once; what she typed counts for nobody.
    assert found[FRIENDS[1]] == 1
    assert not {STRANGER, FLOOD, PROBE, FRIENDS[0], FRIENDS[2], "127.0.0.99"} & set(found)


def test_wrong_tokens_are_seen_and_nothing_else(lived: Site) -> None:
    found = regex(lived, "raiox-webhook")
    # From the thirty-first of a minute on the service says 429, which is the flood's business.
    assert found[STRANGER] >= 30
    assert found[STRANGER] + regex(lived, "raiox-flood")[STRANGER] == 110
    assert not {GUESSER, FLOOD, PROBE, *FRIENDS, "127.0.0.99"} & set(found)


def test_floods_are_seen_and_nothing_else(lived: Site) -> None:
    found = regex(lived, "raiox-flood")
    assert found[FLOOD] > 300
    assert not {PROBE, *FRIENDS, "127.0.0.99"} & set(found)


def test_probes_are_seen_and_nothing_else(lived: Site) -> None:
    found = regex(lived, "raiox-probe")
    assert found[PROBE] == 6
    assert not {GUESSER, STRANGER, FLOOD, *FRIENDS, "127.0.0.99"} & set(found)


def test_wrong_codes_and_signatures_have_the_same_lines(lived: Site) -> None:
    """Both kinds of refused webhooks, and the admin's form, by their lines."""
    lived.ask(
        "/webhook",
        method="POST",
        client="127.0.0.81",
        body=b"{}",
        headers={"X-JF-Signature": "0" * 64},
    )
    page = lived.ask("/admin/login/", client="127.0.0.82")
    cookie = page.headers["Set-Cookie"].split(";")[0]
    token = re.search(rb'csrfmiddlewaretoken" value="([^"]+)"', page.body)
    assert token
    form = f"username=brenda&password=wrong&csrfmiddlewaretoken={token[1].decode()}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    lived.ask("/admin/login/", method="POST", client="127.0.0.82", body=form, headers=kind)
    assert regex(lived, "raiox-webhook")["127.0.0.81"] == 1
    assert regex(lived, "raiox-login")["127.0.0.82"] == 1


# fail2ban itself, with the server's own jails; nobody is really shut out


@contextmanager
def fail2ban(site: Site, folder: Path) -> Iterator[Callable[..., str]]:
    """A running server that only notes whom it would ban; how to ask it."""
    etc = folder / "fail2ban"
    shutil.copytree("/etc/fail2ban", etc, ignore=shutil.ignore_patterns("jail.d"))
    shutil.copytree(site.machine.file("/etc/fail2ban"), etc, dirs_exist_ok=True)
    jails = etc / "jail.d" / "raiox.conf"
    text = jails.read_text().replace("/var/log/raiox/web.log", str(site.web_log))
    jails.write_text(text.replace("/var/log/nginx/raiox.log", str(site.access_log)))
    (etc / "jail.local").write_text(
        "[DEFAULT]\nbanaction = dummy\nignoreip =\n[sshd]\nenabled = false\n"
    )
    # Bans of an earlier run are not remembered.
    (etc / "fail2ban.local").write_text("[DEFAULT]\ndbfile = None\n")
    files = {"-c": etc, "-s": folder / "socket", "-p": folder / "pid"}
    options = [part for name, path in files.items() for part in (name, str(path))]
    program = [tools.path("fail2ban-client"), *options]
    server = [tools.path("fail2ban-server"), *options, "--logtarget", str(folder / "log"), "-f"]

    def ask(*command: str) -> str:
        done = subprocess.run([*program, *command], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    running = subprocess.Popen(server, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: "pong" in ask("ping"), 60)
        yield ask
    finally:
        ask("stop")
        running.wait(30)


def test_the_jails_ban_who_goes_on_and_nobody_else(lived: Site, tmp_path: Path) -> None:
    with fail2ban(lived, tmp_path) as ask:

        def banned(jail: str) -> set[str]:
            told = re.search(r"Banned IP list:\s*(.*)", ask("status", jail))
            return set(told[1].split()) if told else set()

        for jail in ("raiox-login", "raiox-flood", "raiox-probe"):
            wait_for(lambda jail=jail: JAILS[jail] in banned(jail), 60)  # type: ignore[misc]
        time.sleep(2)
        assert banned("raiox-login") == {GUESSER}
        assert banned("raiox-flood") >= {FLOOD} and not banned("raiox-flood") & set(FRIENDS)
        assert banned("raiox-probe") == {PROBE}
        # A form with an old token: its address is not shut out for thirty refusals.
        assert banned("raiox-webhook") == set()


def test_every_jail_is_known_and_its_filter_readable(
    application_server: Machine, tmp_path: Path
) -> None:
    etc = tmp_path / "fail2ban"
    shutil.copytree("/etc/fail2ban", etc, ignore=shutil.ignore_patterns("jail.d"))
    shutil.copytree(application_server.file("/etc/fail2ban"), etc, dirs_exist_ok=True)
    done = subprocess.run(
        [tools.path("fail2ban-client"), "-c", str(etc), "--dp"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for jail in (*JAILS, "sshd"):
        assert f"'add', '{jail}'" in done.stdout
