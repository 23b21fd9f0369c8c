"""A machine to release on: a folder for its root, real git, PostgreSQL, S3 and gunicorn.

systemd is stood in for by two small programs: `systemd-run` runs the command with the machine's
settings, `systemctl` starts and stops the web process. Workers are only noted down. The packages
are those of the virtual environment that runs the tests.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import boto3
import psycopg
import requests
from moto.server import ThreadedMotoServer

from tests import database_server
from tests.sandbox.process import ROOT
from tests.stack import free_port

BUCKET = "raiox-release"
PARTS = ("raiox", "implants", "webhooks", "cases", "templates", "locale", "deploy/release",
         "manage.py", "gunicorn.conf.py", "requirements/base.txt")  # fmt: skip
WORKER = "raiox-worker@1.service"
# Instead of a backup: a note of how many migrations there were, so that its moment can be told.
NOTED_BACKUP = """
import os
from pathlib import Path
from django.core.management.base import BaseCommand
from django.db.migrations.recorder import MigrationRecorder

class Command(BaseCommand):
    def handle(self, *args, **options):
        with (Path(os.environ["RAIOX_VAR_DIR"]) / "backups").open("a") as notes:
            print(MigrationRecorder.Migration.objects.count(), file=notes)
"""
# Our own static files alone and uncompressed: all of them take a minute.
FEW_STATIC_FILES = """
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
STATICFILES_DIRS = [BASE_DIR / "raiox/static"]
STORAGES["staticfiles"]["BACKEND"] = (
    "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
)
"""
SYSTEMD_RUN = """#!/bin/bash
while [[ $1 == --* ]]; do
    case $1 in --setenv=*) export "${1#--setenv=}" ;; esac
    shift
done
set -a; . "$RAIOX_ROOT/etc/raiox/raiox.env"; set +a
echo "manage ${*:3}" >> "$RAIOX_ROOT/run/systemctl"
PYTHONUNBUFFERED=1 exec "$@"
"""
SYSTEMCTL = """#!/bin/bash
state=$RAIOX_ROOT/run; echo "$*" >> "$state/systemctl"
case "$1 $2" in
    "restart raiox-web.service")
        if [ -f "$state/web" ]; then
            kill "$(cat "$state/web")"; tail --pid="$(cat "$state/web")" -f /dev/null
        fi
        set -a; . "$RAIOX_ROOT/etc/raiox/raiox.env"; set +a
        cd "$(readlink -f "$RAIOX_ROOT/opt/raiox/current")"
        .venv/bin/python -m gunicorn raiox.wsgi:application --bind "$RAIOX_WEB" --threads 2 \\
            >> "$state/web.log" 2>&1 &
        echo $! > "$state/web" ;;
    "start raiox-backup-database.service")
        systemd-run "$RAIOX_ROOT/opt/raiox/current/.venv/bin/python" \\
            "$RAIOX_ROOT/opt/raiox/current/manage.py" backup_database ;;
    "is-active --quiet") [ ! -f "$state/worker-is-down" ] ;;
esac
"""
RUNUSER = """#!/bin/bash
[ "$1 $2 $3" = "-u raiox --" ] || exit 64
shift 3; echo "$*" >> "$RAIOX_ROOT/run/runuser"; exec "$@"
"""
INSTALL = f"""#!/bin/sh
mkdir -p "$1/.venv/bin"
for name in "{sys.prefix}"/* "{sys.prefix}"/.[a-z]*; do
    [ "$(basename "$name")" = bin ] || ln -sf "$name" "$1/.venv/"
done
ln -s "{sys.prefix}"/bin/* "$1/.venv/bin/"
"""


class ReleaseMachine:
    """`with ReleaseMachine(folder, database) as machine`; nothing is installed on it yet."""

    def __init__(self, folder: Path, database: str) -> None:
        self.root = folder / "root"
        self.origin = folder / "origin"
        self.programs = folder / "programs"
        self.database = database
        self.web = f"127.0.0.1:{free_port()}"
        self._s3 = ThreadedMotoServer("127.0.0.1", 0, verbose=False)

    def __enter__(self) -> Self:
        self._s3.start()
        for folder in ("opt/raiox/releases", "etc/raiox", "run", "var/lib/raiox"):
            (self.root / folder).mkdir(parents=True)
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants / WORKER).symlink_to("/nowhere")
        self._write_programs()
        self._write_settings()
        self._write_origin()
        return self

    def __exit__(self, *_: object) -> None:
        if (self.root / "run/web").exists():
            subprocess.run(["kill", (self.root / "run/web").read_text().strip()], check=False)
        self._s3.stop()

    def _write_programs(self) -> None:
        self.programs.mkdir()
        programs = {"systemd-run": SYSTEMD_RUN, "systemctl": SYSTEMCTL, "runuser": RUNUSER,
                    "install": INSTALL}  # fmt: skip
        for name, text in programs.items():
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)

    def _write_settings(self) -> None:
        host, port = self._s3.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        settings = {
            "RAIOX_ENV": "stage",
            "RAIOX_VAR_DIR": str(self.root / "var/lib/raiox"),
            "DATABASE_URL": database_server.url(database_server.place(), self.database),
            "PUBLIC_URL": f"http://{self.web}",
            "ALLOWED_HOSTS": "127.0.0.1",
            "TRUSTED_PROXIES": "127.0.0.1",
            "DO_SPACES_BUCKET": BUCKET,
            "DO_SPACES_REGION": "us-east-1",
            "DO_SPACES_ENDPOINT": endpoint,
            **{
                name: secrets.token_urlsafe(50)
                for name in ("SECRET_KEY", "WEBHOOK_TOKENS", "JOTFORM_API_KEY", "DO_SPACES_KEY",
                             "DO_SPACES_SECRET")
            },
        }  # fmt: skip
        lines = [f"{name}='{value}'" for name, value in settings.items()]
        (self.root / "etc/raiox/raiox.env").write_text("\n".join(lines) + "\n")
        keys = {"aws_access_key_id": "release", "aws_secret_access_key": "release-only"}
        self.s3: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
        self.s3.create_bucket(Bucket=BUCKET)

    # The repository

    def _write_origin(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PARTS],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.split("\0")[:-1]:
            (self.origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.origin / name)
        (self.origin / "raiox/management/commands/backup_database.py").write_text(NOTED_BACKUP)
        with (self.origin / "raiox/settings/__init__.py").open("a") as settings:
            settings.write(FEW_STATIC_FILES)
        self._git("init", "--quiet", "--initial-branch=stage")
        self.first = self.commit({})
        repository = self.root / "opt/raiox/repository.git"
        subprocess.run(["git", "clone", "--quiet", "--bare", self.origin, repository], check=True)

    def commit(self, files: dict[str, str], since: str = "", branch: str = "stage") -> str:
        """A new commit with these files changed, the end of that branch; its 40 digits."""
        if since:
            self._git("checkout", "--quiet", "--force", "-B", branch, since)
        for name, text in files.items():
            (self.origin / name).write_text(text)
        self._git("add", "--all")
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        self._git(*who, "commit", "--quiet", "--allow-empty", "--message", "A change")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.origin, capture_output=True, text=True, check=True
        ).stdout

    # What an operator does and sees

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """release.sh or rollback.sh, out of the working copy."""
        command = [str(ROOT / "deploy/release" / script), *arguments]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=300
        )

    def run_and_hang_up(self, word: str, script: str, *arguments: str) -> int:
        """The same, over a connection that breaks once `word` was read; its exit status."""
        command = [str(ROOT / "deploy/release" / script), *arguments]
        with subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        ) as process:  # fmt: skip
            assert process.stdout and process.stderr
            assert any(word in line for line in process.stdout)
            process.stdout.close()
            process.stderr.close()
            os.killpg(process.pid, signal.SIGHUP)
            return process.wait(300)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "RAIOX_ROOT": str(self.root),
            "RAIOX_INSTALL": str(self.programs / "install"),
            "RAIOX_WEB": self.web,
            "RAIOX_HEALTH_SECONDS": "15",
        }

    @property
    def record(self) -> str:
        """What releases have said, as it can be read afterwards."""
        return (self.root / "var/log/raiox/releases.txt").read_text()

    def answering(self) -> str:
        """The commit that /health names."""
        return str(requests.get(f"http://{self.web}/health", timeout=20).json()["commit"])

    def link(self, name: str) -> str:
        """The commit that `current` or `previous` leads to; empty when there is none."""
        path = self.root / "opt/raiox" / name
        return path.resolve().name if path.is_symlink() else ""

    @property
    def releases(self) -> set[str]:
        """The commits that are installed."""
        return {path.name for path in (self.root / "opt/raiox/releases").iterdir()}

    @property
    def backups(self) -> list[int]:
        """How many migrations there were at each backup."""
        notes = self.root / "var/lib/raiox/backups"
        return [int(line) for line in notes.read_text().split()] if notes.exists() else []

    def connect(self) -> psycopg.Connection[Any]:
        """The service's database."""
        return psycopg.connect(**database_server.place(), dbname=self.database, autocommit=True)

    def encoder(self) -> tuple[int, str]:
        """The id and the version of the encoder that is active."""
        with self.connect() as server:
            found = server.execute("SELECT id, version FROM encoders WHERE is_active").fetchone()
        assert found is not None
        return found[0], found[1]

    def migrations(self) -> list[str]:
        """The names of the applied migrations of the webhooks' application."""
        query = "SELECT name FROM django_migrations WHERE app = 'webhooks' ORDER BY name"
        with self.connect() as server:
            return [name for (name,) in server.execute(query).fetchall()]
