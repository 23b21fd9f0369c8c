"""Image and compose file: not built here; what they say is held against the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from raiox.checks import _REQUIRED
from tests.deploy.machine import SERVER
from tests.sandbox.process import ROOT
from tests.stack import Stack, free_port

FOLDER: Final = ROOT / "deploy" / "container"
DOCKERFILE: Final = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "compose.yml").read_text())
COPIED: Final = [
    words.split() for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
]


# Templates and translations are looked for when they are needed.
_PAGES: Final = ROOT / "templates"
TEMPLATES: Final = [str(path.relative_to(_PAGES)) for path in _PAGES.rglob("*.html")]
LOADS: Final = f"""
from django.template.loader import get_template
from django.utils.translation import gettext
[get_template(name) for name in {TEMPLATES}]
assert gettext("waiting for review") == "aguardando revisão"
"""


def instruction(name: str) -> str:
    """The last one of its kind."""
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)[-1].strip()


def test_what_the_image_holds_is_enough(tmp_path: Path) -> None:
    """The copied files alone: settings, tables' state and the WSGI application load."""
    for *sources, target in COPIED[1:]:  # the first one serves the packages alone
        for source in sources:
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            place = tmp_path / (source if target == "./" else target)
            copy(ROOT / source, place)
    told = {**os.environ, "RAIOX_ENV": "test", "RAIOX_VAR_DIR": str(tmp_path / "var")}
    told["DJANGO_SETTINGS_MODULE"] = "raiox.settings"
    told.pop("PYTHONPATH", None)
    for command in (
        ["manage.py", "check"],
        ["-m", "gunicorn", "raiox.wsgi:application", "--check-config"],
        ["manage.py", "shell", "-c", LOADS],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=told, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_context_holds_what_is_copied_and_nothing_else() -> None:
    lines = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {line[1:] for line in rules if line.startswith("!")}
    assert let_in == {source for *sources, _ in COPIED for source in sources}


def test_image_is_of_the_pinned_packages_and_runs_as_nobody_special() -> None:
    versions = re.findall(r"^FROM python:3\.(\d+)-slim-trixie", DOCKERFILE, re.MULTILINE)
    assert len(versions) == 2
    assert all(int(version) >= 11 for version in versions)
    assert "--require-hashes" in DOCKERFILE
    pinned = (ROOT / "requirements" / "base.txt").read_text()
    packages = re.findall(r"^[\w.\[\],-]+==[^\n]*\\\n +--hash=sha256:", pinned, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[\w.\[\],-]+==", pinned, re.MULTILINE)) > 20
    assert instruction("USER") == "raiox"
    assert DOCKERFILE.rindex("USER ") > DOCKERFILE.rindex("RUN ")


def test_health_check_asks_ping(stack: Stack) -> None:
    words = json.loads(re.findall(r"HEALTHCHECK.* CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)[0])
    assert words[:2] == ["python", "-c"]

    def asked(port: str) -> int:
        code = words[2].replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        told = {**os.environ, "ALLOWED_HOSTS": "localhost,raiox.example"}
        done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True)
        return done.returncode

    assert asked(stack.url.rpartition(":")[2]) == 0
    assert asked(str(free_port())) != 0


def test_compose_makes_the_vectors_before_it_switches_and_goes_on_after_no_failure() -> None:
    *shell, script = COMPOSE["services"]["prepare"]["command"]
    assert shell == ["sh", "-c"]
    assert script.split(" && ") == [
        "python manage.py prepare",
        "python manage.py reembed --bundled",
        "python manage.py activate_encoder --bundled --if-none",
    ]


def test_compose_names_only_what_it_declares() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"database", "redis", "prepare", "web", "worker", "backup"}
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert named <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", {})) <= set(services)
    for name in ("prepare", "web", "worker", "backup"):
        build = services[name]["build"]
        assert (FOLDER / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
        assert services[name]["read_only"] is True
    assert services["database"]["image"].startswith("pgvector/pgvector:pg1")
    assert all(port.startswith("127.0.0.1:") for port in services["web"]["ports"])


def test_backups_have_their_programs_and_keys_and_nobody_else_has_the_keys() -> None:
    (client,) = re.findall(r"postgresql-client-(\d+)", DOCKERFILE)
    server = COMPOSE["services"]["database"]["image"].rpartition(":pg")[2]
    assert int(client) >= int(server), "an older pg_dump can't read a newer server"
    backup = COMPOSE["services"]["backup"]
    assert backup["profiles"] == ["backup"], "it is no part of what always runs"
    assert backup["command"] == ["python", "manage.py", "backup_database"]
    keys = set(re.findall(r"BACKUP_\w+", (SERVER / "systemd/backups.conf").read_text()))
    given = {name for name in keys if name in backup["secrets"]}
    assert given == {"BACKUP_KEY", "BACKUP_SECRET", "BACKUP_ENCRYPTION_KEY"}
    others = [body for name, body in COMPOSE["services"].items() if name != "backup"]
    assert not any(given & {*body.get("secrets", [])} for body in others)


def test_containers_share_no_counts() -> None:
    """A process is known by its number there, which repeats in each container."""
    web = COMPOSE["services"]["web"]
    place = Path(web["environment"]["PROMETHEUS_MULTIPROC_DIR"])
    assert any(place.is_relative_to(own) for own in web["tmpfs"])
    shared = [Path(volume.partition(":")[2]) for volume in web["volumes"]]
    assert not any(place.is_relative_to(volume) for volume in shared)
    assert "PROMETHEUS_MULTIPROC_DIR" not in COMPOSE["services"]["worker"]["environment"]


def test_the_user_of_the_image_may_read_the_secrets_once_they_are_his() -> None:
    (uid,) = re.findall(r"useradd .*--uid (\d+)", DOCKERFILE)
    told = (FOLDER / "compose.yml").read_text()
    assert f"chown {uid} deploy/container/secrets/* && chmod 400 " in told
    assert told.index("chown") < told.index("Once, before the first start")


@pytest.mark.parametrize("name", ["web", "worker", "prepare", "backup"])
def test_every_secret_that_is_needed_comes_by_file(name: str) -> None:
    web = COMPOSE["services"][name]
    by_file = {
        name.removesuffix("_FILE"): value
        for name, value in web["environment"].items()
        if name.endswith("_FILE")
    }
    assert by_file == {name: f"/run/secrets/{name}" for name in web["secrets"]}
    settings = {"PUBLIC_URL", "ALLOWED_HOSTS", "DO_SPACES_BUCKET"}  # in raiox.env
    assert set(_REQUIRED) - settings <= set(by_file)
    assert web["env_file"] == ["raiox.env"]
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"deploy/container/raiox.env", "deploy/container/secrets/"} <= set(ignored)
