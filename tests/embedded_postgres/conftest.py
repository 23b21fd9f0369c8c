"""Clusters of their own for these tests, in a private folder, stopped and removed afterwards."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from raiox.embedded_postgres.cluster import Cluster

_USE = """
import sys, time
from pathlib import Path
from raiox.embedded_postgres.cluster import Cluster
print(Cluster(Path(sys.argv[1]), durable=False).ensure_running().pid, flush=True)
sys.stdin.read()
"""


class OtherProcess:
    """Another process that uses the cluster in `folder` until it is told to leave."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _USE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def server_pid(self) -> int:
        """The process number of the server it found or started."""
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def leave(self) -> None:
        """Let it end in good order."""
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self._process.kill()
        self._process.communicate(timeout=30)


@contextmanager
def private_cluster_folder(above: Path) -> Iterator[Path]:
    """A folder for a cluster, in a folder that only its owner may enter."""
    private = above / "private"
    private.mkdir(mode=0o700)
    try:
        yield private / "postgres"
    finally:
        cluster = Cluster(private / "postgres")
        cluster.stop()
        for made in (cluster.places.home, cluster.places.socket_folder):
            shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where one test has a cluster of its own."""
    with private_cluster_folder(tmp_path) as folder:
        yield folder


@pytest.fixture
def cluster(folder: Path) -> Cluster:
    """A cluster that nobody has started yet."""
    return Cluster(folder, durable=False)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster, for tests that leave it as it is."""
    with private_cluster_folder(tmp_path_factory.mktemp("shared")) as folder:
        cluster = Cluster(folder, durable=False)
        cluster.ensure_running()
        yield cluster


@pytest.fixture
def other_process(folder: Path) -> Iterator[Callable[[], OtherProcess]]:
    """Starts processes that use the same cluster."""
    started: list[OtherProcess] = []

    def start() -> OtherProcess:
        started.append(OtherProcess(folder))
        return started[-1]

    yield start
    for process in started:
        process.kill()
