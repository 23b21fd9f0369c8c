"""A service on the test's own database that answers over HTTP, and a catalogue for it."""

import pytest
from pytest_django.live_server_helper import LiveServer

from raiox.golive.line import Plan
from raiox.groups import ensure_groups
from tests.cases.conftest import catalogue as catalogue
from tests.cases.conftest import encoder as encoder
from tests.cases.conftest import form as form
from tests.cases.conftest import make_case as make_case
from tests.cases.conftest import make_event as make_event
from tests.cases.conftest import media as media
from tests.cases.conftest import reference_films as reference_films


@pytest.fixture
def plan(live_server: LiveServer, answered: None) -> Plan:
    """Asks the server of this process."""
    ensure_groups()
    return Plan(url=live_server.url)
