"""The files of a database server, and its steps, with real PostgreSQL servers.

The embedded one has the extension but no TLS, Debian's has TLS but not the extension: each shows
its part.
"""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from raiox.embedded_postgres.places import binaries
from tests.deploy import tools
from tests.deploy.database_machine import (
    AS_NOBODY,
    GIVEN,
    SIZES,
    WRONG,
    Made,
    Server,
    base_backup,
    database_machine,
    server,
    whole,
)
from tests.deploy.machine import SERVER, Machine
from tests.sandbox.process import wait_for


@pytest.mark.parametrize("size", SIZES)
def test_a_server_starts_with_the_settings_of_its_size(size: str, tmp_path: Path) -> None:
    machine = database_machine(tmp_path, size)
    with server(binaries(), machine) as running:
        running.take_over(tls=False)
        running.start()
        assert running.show("shared_buffers") == {"2gb": "512MB", "8gb": "2GB"}[size]
        assert running.show("log_min_error_statement") == "panic"
        assert running.show("listen_addresses") == "localhost, 127.0.0.1"


@contextmanager
def from_address(client: str, port: int) -> Iterator[int]:
    """A port that leads to the server once, and comes from this address of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pass_on() -> None:
            near, _ = listener.accept()
            with near, socket.create_connection(("127.0.0.1", port), 10, (client, 0)) as far:
                back = threading.Thread(target=_copy, args=(far, near))
                back.start()
                _copy(near, far)
                back.join()

        passing = threading.Thread(target=pass_on)
        passing.start()
        yield listener.getsockname()[1]
        passing.join()


def _copy(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)
    with suppress(OSError):
        there.shutdown(socket.SHUT_WR)


def test_who_may_connect_is_known_by_address_tls_and_password(tmp_path: Path) -> None:
    machine = database_machine(tmp_path)
    programs = Path(tools.path("postgres")).parent
    with server(programs, machine) as running:
        _certificate(running)
        running.take_over()
        running.start()
        with running.connect() as connection:
            connection.execute("CREATE ROLE raiox LOGIN PASSWORD 'right-for-this-test'")
            connection.execute("CREATE ROLE other LOGIN PASSWORD 'right-for-this-test'")
        asked: dict[str, Any] = {"host": "127.0.0.1", "user": "raiox", "sslmode": "require"}
        asked["password"] = "right-for-this-test"  # noqa: S105

        def refusal(client: str, **changed: str) -> str:
            with from_address(client, running.port) as port:
                try:
                    running.connect(**{**asked, "port": port, **changed}).close()
                except psycopg.OperationalError as error:
                    return str(error)
            return ""

        assert refusal("127.0.0.2") == ""
        assert "no pg_hba.conf entry" in refusal("127.0.0.9")
        assert "no encryption" in refusal("127.0.0.2", sslmode="disable")
        assert "password authentication failed" in refusal("127.0.0.2", password=WRONG)
        assert "no pg_hba.conf entry" in refusal("127.0.0.2", user="other")
        assert "no pg_hba.conf entry" in refusal("127.0.0.2", user="postgres")


def _certificate(running: Server) -> None:
    key, certificate = running.data / "server.key", running.data / "server.crt"
    subprocess.run(
        [tools.path("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=db", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    for path in (key, certificate):
        path.chmod(0o600)
        if AS_NOBODY:
            os.chown(path, AS_NOBODY["user"], AS_NOBODY["group"])


@pytest.fixture
def without_tls(tmp_path: Path) -> Iterator[Made]:
    """The machine, its server with pgvector, and the whole of `bootstrap.sh database`."""
    with whole(tmp_path) as made:
        yield made


def test_role_database_and_extension_are_made_once(without_tls: Any) -> None:
    machine, running, make = without_tls
    step = "role raiox with its password, database raiox, extension vector"
    assert f"done        {step}" in make()
    said = make()
    assert f"already so  {step}" in said
    assert not [line for line in said if line.startswith("done")]
    password = machine.file("/etc/raiox/credentials/DATABASE_PASSWORD").read_text().strip()
    asked = {"host": "127.0.0.1", "user": "raiox", "dbname": "raiox", "password": password}
    with running.connect(**asked) as connection:
        connection.execute("CREATE TABLE t (v vector(3))")
        connection.execute("DROP TABLE t")
        connection.execute("CREATE DATABASE scratch")
        connection.execute("DROP DATABASE scratch")
        rights = connection.execute("SELECT rolsuper, rolcreaterole FROM pg_roles "
                                    "WHERE rolname = 'raiox'").fetchone()  # fmt: skip
    assert rights == (False, False)
    for name in ("raiox", "postgres"):
        # As in a database that was restored by hand.
        with running.connect() as connection:
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO PUBLIC")
        assert f"done        {step}" in make()
        assert f"already so  {step}" in make()
    assert password not in running.log()


def test_a_replica_of_ones_own_follows_by_its_role_alone(tmp_path: Path) -> None:
    with whole(tmp_path, RAIOX_REPLICA_ADDRESSES="127.0.0.1") as (machine, primary, make):
        assert "done        role raiox_replica with its password" in make()
        assert not [line for line in make() if line.startswith("done")]
        assert primary.show("wal_keep_size") == "1GB"
        secrets = machine.file("/etc/raiox/credentials")
        ours, theirs = (
            (secrets / name).read_text().strip()
            for name in ("DATABASE_PASSWORD", "REPLICATION_PASSWORD")
        )
        with server(binaries(), machine) as replica:
            shutil.rmtree(replica.data)
            refused = base_backup(primary, replica.data, "raiox_replica", WRONG)
            assert "password authentication failed" in refused
            assert "no pg_hba.conf entry" in base_backup(primary, replica.data, "raiox", ours)
            assert base_backup(primary, replica.data, "raiox_replica", theirs) == ""
            replica.take_over(tls=False)
            replica.start()
            asked = {"host": "127.0.0.1", "user": "raiox", "dbname": "raiox", "password": ours}
            with primary.connect(**asked) as writer, replica.connect(**asked) as reader:
                writer.execute("CREATE TABLE followed (n int)")
                there = "SELECT to_regclass('followed') IS NOT NULL, pg_is_in_recovery()"
                wait_for(lambda: reader.execute(there).fetchone() == (True, True), 30)
            with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
                primary.connect(**{**asked, "user": "raiox_replica", "password": theirs})


def test_without_a_replica_there_is_no_way_for_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path).begin()
    machine.fake("psql", "#!/bin/sh\necho there\n")
    place = machine.file("/etc/postgresql/16/main")
    machine.make("database", **GIVEN)
    assert "hostssl replication" not in (place / "pg_hba.conf").read_text()
    assert "wal_keep_size" not in (place / "conf.d/raiox-replicas.conf").read_text()
    made = {path.name for path in machine.file("/etc/raiox/credentials").iterdir()}
    assert made == {"DATABASE_PASSWORD"}
    machine.make("database", RAIOX_REPLICA_ADDRESSES="10.0.0.6")
    entry = "hostssl replication  raiox_replica  10.0.0.6/32  scram-sha-256"
    assert entry in (place / "pg_hba.conf").read_text()
    assert machine.make("database")[-1] == "ready       0 steps changed something"
    assert "ufw allow from 10.0.0.6 to any port 5432 proto tcp" in machine.told("ufw")


def test_a_new_password_is_taken_over(without_tls: Any) -> None:
    machine, running, make = without_tls
    make()
    machine.file("/etc/raiox/credentials/DATABASE_PASSWORD").write_text(WRONG)
    assert any(line.startswith("done        role raiox") for line in make())
    asked = {"host": "127.0.0.1", "user": "raiox", "dbname": "raiox"}
    running.connect(**asked, password=WRONG).close()


def test_addresses_are_asked_for_once_and_can_change(tmp_path: Path) -> None:
    machine = Machine(tmp_path).begin()
    machine.fake("psql", "#!/bin/sh\necho there\n")
    machine.make("database", **GIVEN)
    assert machine.make("database")[-1] == "ready       0 steps changed something"
    assert "ufw allow from 10.0.0.4 to any port 5432 proto tcp" in machine.told("ufw")
    machine.make("database", RAIOX_APP_ADDRESSES="10.0.0.7")
    hba = machine.file("/etc/postgresql/16/main/pg_hba.conf").read_text()
    assert "10.0.0.7/32" in hba and "10.0.0.4" not in hba


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root's rights away from a program")
def test_what_lies_in_a_folder_of_root_s_is_read_by_postgresql_s_user(tmp_path: Path) -> None:
    machine = Machine(tmp_path).begin()
    machine.fake(
        "runuser",
        f"""#!/bin/sh
        for last; do :; done
        exec setpriv --reuid=65534 --clear-groups cat "$last" > {machine.state}/sql
    """,
    )
    machine.fake("psql", f"#!/bin/sh\n[ -s {machine.state}/sql ] && echo there\n")
    tmp_path.chmod(0o700)
    folder = shutil.copytree(SERVER, tmp_path / "server")
    path = os.pathsep.join([str(machine.bin), os.environ["PATH"], "/usr/sbin", "/sbin"])
    done = subprocess.run(
        [folder / "bootstrap.sh", "database", "--skip-packages"], capture_output=True, text=True,
        env={"PATH": path, "RAIOX_ROOT": str(machine.root), **GIVEN},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (machine.state / "sql").read_text() == (SERVER / "postgresql/database.sql").read_text()


def test_postgresql_starts_once_its_private_address_is_there(tmp_path: Path) -> None:
    machine = Machine(tmp_path).begin()
    machine.fake("psql", "#!/bin/sh\necho there\n")
    machine.make("database", **GIVEN)
    unit = machine.file("/etc/systemd/system/postgresql@.service.d/raiox.conf").read_text()
    assert "After=network-online.target" in unit
    asked = machine.told("systemctl")
    assert asked.index("daemon-reload") < asked.index("restart postgresql@16-main")
