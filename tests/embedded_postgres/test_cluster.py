"""One server for all who ask, whatever happened to it or to them before."""

import os
import shutil
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from raiox.embedded_postgres.cluster import Cluster, Server
from raiox.embedded_postgres.places import ClusterError
from tests.embedded_postgres.conftest import OtherProcess

Starter = Callable[[], OtherProcess]


def connect(server: Server, name: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(dbname=name, autocommit=True, **server.connection)


def wait_until_stopped(cluster: Cluster) -> None:
    """A signal takes a moment to arrive."""
    while cluster.running():
        time.sleep(0.001)


def test_server_has_vectors_and_portuguese_letters(shared: Cluster) -> None:
    with connect(shared.ensure_running()) as connection:
        connection.execute("CREATE EXTENSION vector")
        row = connection.execute("SELECT lower('ÇÃO'), '[1,0]'::vector <=> '[0,1]'").fetchone()
    assert row == ("ção", 1.0)


def test_database_is_created_once(shared: Cluster) -> None:
    shared.ensure_database("raiox")
    shared.ensure_database("raiox")
    with connect(shared.ensure_running(), "raiox") as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_server_is_reused_and_outlives_a_user_that_leaves(
    cluster: Cluster, other_process: Starter
) -> None:
    server = cluster.ensure_running()
    other = other_process()
    assert other.server_pid() == server.pid
    other.leave()
    assert cluster.running() == server


def test_last_user_stops_the_server(cluster: Cluster, other_process: Starter) -> None:
    first, second = other_process(), other_process()
    first.server_pid(), second.server_pid()
    first.leave()
    assert cluster.running()
    second.leave()
    assert not cluster.running()


def test_killed_user_does_not_count(cluster: Cluster, other_process: Starter) -> None:
    killed, last = other_process(), other_process()
    killed.server_pid(), last.server_pid()
    killed.kill()
    last.leave()
    assert not cluster.running()


def test_forked_child_does_not_stop_the_server(cluster: Cluster) -> None:
    server = cluster.ensure_running()
    child = os.fork()
    if child == 0:
        from raiox.embedded_postgres import lease

        lease.leave()
        os._exit(0)
    os.waitpid(child, 0)
    assert cluster.running() == server


def test_processes_that_start_together_share_one_server(other_process: Starter) -> None:
    together = [other_process() for _ in range(4)]
    assert len({process.server_pid() for process in together}) == 1


def test_killed_server_is_started_again_with_its_data(cluster: Cluster) -> None:
    cluster.ensure_database("kept")
    killed = cluster.ensure_running()
    busy = connect(killed)
    os.kill(killed.pid, signal.SIGKILL)
    wait_until_stopped(cluster)

    again = cluster.ensure_running()

    assert again.pid != killed.pid
    with connect(again, "kept") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    busy.close()


def test_pid_file_that_names_a_stranger_is_no_server(cluster: Cluster) -> None:
    cluster.ensure_running()
    pid_file = cluster.places.data / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    cluster.stop()
    # After a reboot the number may belong to any process, here to this one.
    pid_file.write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")
    shutil.chown(pid_file, cluster.places.owner)

    assert cluster.running() is None
    assert cluster.ensure_running().pid != os.getpid()


def test_server_that_is_stopping_is_waited_for(cluster: Cluster) -> None:
    stopping = cluster.ensure_running()
    os.kill(stopping.pid, signal.SIGINT)
    wait_until_stopped(cluster)
    assert cluster.ensure_running().pid != stopping.pid


def test_permissions_of_the_folders_above_stay(cluster: Cluster, folder: Path) -> None:
    above = {path: path.stat().st_mode for path in folder.parents}
    cluster.ensure_running()
    assert {path: path.stat().st_mode for path in folder.parents} == above
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_data_and_socket_are_for_the_server_alone(shared: Cluster) -> None:
    server = shared.ensure_running()
    for path in (shared.places.data, server.socket_folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert path.stat().st_uid == psutil.Process(server.pid).uids().real != 0


def test_server_listens_on_no_port(shared: Cluster) -> None:
    with connect(shared.ensure_running()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_values_stay_out_of_the_log(shared: Cluster) -> None:
    with connect(shared.ensure_running()) as connection:
        connection.execute("CREATE TABLE people (name text PRIMARY KEY)")
        connection.execute("INSERT INTO people VALUES ('Maria Silva')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES ('Maria Silva')")
    log = shared.places.log.read_text()
    assert "duplicate key" in log
    assert "Maria" not in log


def test_data_of_another_version_is_refused_and_kept(cluster: Cluster) -> None:
    cluster.ensure_running()
    cluster.stop()
    (cluster.places.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(ClusterError, match="made by PostgreSQL 15"):
        cluster.ensure_running()


def test_server_that_cannot_start_says_why(cluster: Cluster) -> None:
    cluster.ensure_running()
    cluster.stop()
    with (cluster.places.data / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(ClusterError, match="no_such_setting"):
        cluster.ensure_running()
