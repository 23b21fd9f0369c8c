"""A server that bootstrap.sh has made."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.machine import Machine
from tests.deploy.site import Site, site
from tests.stack import Stack


@pytest.fixture(scope="session")
def application_server(tmp_path_factory: Any) -> Machine:
    """Made once; tests that change it copy it."""
    machine = Machine(tmp_path_factory.mktemp("application-server")).begin()
    machine.make("app")
    return machine


@pytest.fixture(scope="package")
def behind_nginx(stack: Stack, application_server: Machine) -> Iterator[Site]:
    """The whole service behind nginx."""
    with site(stack, application_server) as running:
        yield running
