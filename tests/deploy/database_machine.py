"""A database server that bootstrap.sh makes, with a real PostgreSQL."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg

from raiox.embedded_postgres.places import binaries, tool
from tests.deploy.machine import Machine
from tests.sandbox.process import ROOT, wait_for
from tests.stack import free_port

SIZES: Final = ("2gb", "8gb")
MEMORY: Final = {"2gb": 2_000_000, "8gb": 8_100_000}
GIVEN: Final = {"RAIOX_APP_ADDRESSES": "127.0.0.2 10.0.0.4", "RAIOX_DATABASE_ADDRESS": "127.0.0.1"}
# Accounts that a server may run as: PostgreSQL refuses root.
AS_NOBODY: Final[dict[str, Any]] = (
    {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
)
WRONG: Final = "another-for-this-test"
RUNUSER: Final = """#!/bin/sh
while [ "$1" != -- ]; do shift; done; shift
PGUSER=postgres exec "$@"
"""


class Server:
    """A server with a machine's own files."""

    def __init__(self, folder: Path, programs: Path, machine: Machine) -> None:
        self.folder, self.programs, self.machine = folder, programs, machine
        self.port, self.data = free_port(), folder / "data"
        self.process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Its data, beside the configuration as Debian's packages lay it out."""
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(f"include_dir = '{self.folder}/etc/conf.d'\n")

    def take_over(self, *, tls: bool = True) -> None:
        """The machine's files as they are now; not all servers are built for TLS."""
        etc = self.folder / "etc"
        shutil.rmtree(etc, ignore_errors=True)
        shutil.copytree(self.machine.file("/etc/postgresql/16/main"), etc)
        # The machine that runs the tests has no peer for PostgreSQL's own user.
        hba = etc / "pg_hba.conf"
        hba.write_text(hba.read_text().replace(" peer", " trust"))
        if not tls:
            for path in (etc / "conf.d" / "raiox-common.conf", hba):
                text = path.read_text()
                path.write_text(text.replace("ssl = on", "ssl = off").replace("hostssl", "host"))
        for path in (etc, *etc.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def start(self) -> None:
        options = {
            "hba_file": str(self.folder / "etc" / "pg_hba.conf"),
            "unix_socket_directories": str(self.folder),
            "port": str(self.port),
            "fsync": "off",
        }
        said = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.data), *said],
                stdout=log, stderr=log, cwd=self.folder, **AS_NOBODY,
            )  # fmt: skip
        wait_for(self._answers, 60)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def connect(self, **where: Any) -> psycopg.Connection[Any]:
        """By the socket as PostgreSQL's own user, or as it is said."""
        given = {"host": str(self.folder), "user": "postgres", "dbname": "postgres", **where}
        return psycopg.connect(port=given.pop("port", self.port), autocommit=True, **given)

    def show(self, name: str) -> str:
        with self.connect() as connection:
            return str(connection.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]

    def _answers(self) -> bool:
        assert self.process and self.process.poll() is None, self.log()
        with suppress(psycopg.OperationalError), self.connect():
            return True
        return False

    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **AS_NOBODY)


@contextmanager
def server(programs: Path, machine: Machine) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="raiox-pg-", dir="/tmp"))
    if AS_NOBODY:
        os.chown(folder, AS_NOBODY["user"], AS_NOBODY["group"])
    folder.chmod(0o755)
    made = Server(folder, programs, machine)
    try:
        made.make()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def database_machine(folder: Path, size: str = "2gb", **more: str) -> Machine:
    """A database server as far as it comes without a running PostgreSQL."""
    machine = Machine(folder).begin()
    meminfo = machine.folder / "meminfo"
    meminfo.write_text(f"MemTotal:        {MEMORY[size]} kB\n")
    machine.fake("psql", "#!/bin/sh\necho there\n")
    machine.make("database", RAIOX_MEMINFO=str(meminfo), **GIVEN, **more)
    return machine


Made = tuple[Machine, Server, Callable[[], list[str]]]


@contextmanager
def whole(folder: Path, **given: str) -> Iterator[Made]:
    """The same, with more in the environment of the first run."""
    machine = database_machine(folder, **given)
    with server(binaries(), machine) as running:
        running.take_over(tls=False)
        running.start()
        machine.fake("runuser", RUNUSER)
        machine.fake(
            "psql",
            f"""#!/bin/bash
            exec {tool("psql")} "${{@//sslmode=require/sslmode=disable}}"
        """,
        )
        place = {"PGHOST": str(running.folder), "PGPORT": str(running.port)}
        meminfo = {"RAIOX_MEMINFO": str(machine.folder / "meminfo")}
        yield machine, running, lambda: machine.make("database", **place, **meminfo)


def base_backup(primary: Server, target: Path, user: str, password: str) -> str:
    """As deploy/SCALING.md says it; what it complained of, empty when it went well."""
    text = (ROOT / "deploy/SCALING.md").read_text().replace("\\\n", "")
    (line,) = re.findall(r"runuser -u postgres -- (pg_basebackup .+)", text)
    for said, here in (
        ("host=10.0.0.3 port=5432", f"host=127.0.0.1 port={primary.port}"),
        ("user=raiox_replica sslmode=require", f"user={user} sslmode=disable"),
        ("/var/lib/postgresql/16/main", str(target)),
    ):
        assert said in line
        line = line.replace(said, here)
    program, *words = shlex.split(line)
    done = subprocess.run(
        [str(tool(program)), *words], cwd=primary.folder, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PGPASSWORD": password}, timeout=120, **AS_NOBODY,
    )  # fmt: skip
    return done.stderr if done.returncode else ""
