"""A service on its own database server, and the table of what the faults did to it."""

from collections.abc import Iterator

import pytest

from raiox.embedded_postgres.cluster import Cluster
from tests.embedded_postgres.conftest import private_cluster_folder
from tests.faults.machine import Machine
from tests.faults.run import ROWS, summary


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A durable one: what it has acknowledged must survive its death."""
    with private_cluster_folder(tmp_path_factory.mktemp("cluster")) as folder:
        yield Cluster(folder, durable=True)


@pytest.fixture(scope="session")
def machine(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One service for all runs: each leaves it in order."""
    with Machine(tmp_path_factory.mktemp("machine"), cluster) as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was injected, sent, lost and doubled, in one table."""
    if ROWS:
        terminalreporter.section("fault runs")
        terminalreporter.write_line(summary())
