from collections.abc import Iterator

import pytest

from tests.common.loopback import Loopback, serve


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve() as loopback:
        yield loopback


@pytest.fixture
def elsewhere() -> Iterator[Loopback]:
    """Another origin."""
    with serve() as loopback:
        yield loopback
