"""What tests of several applications share."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from tests.sandbox.process import SandboxProcess
from tests.stack import Stack


@pytest.fixture(scope="session")
def _sandbox_process() -> Iterator[SandboxProcess]:
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def stack(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: Any
) -> Iterator[Stack]:
    """The whole service as real processes, for the tests that need them."""
    with (
        django_db_blocker.unblock(),
        Stack(tmp_path_factory.mktemp("stack")) as running,
        django_db_blocker.block(),
    ):
        yield running


@pytest.fixture
def sandbox(_sandbox_process: SandboxProcess, settings: Any) -> Iterator[SandboxProcess]:
    """The stand-in for Jotform in its own process, and the settings that lead to it."""
    sandbox = _sandbox_process
    settings.JOTFORM_API_URL = sandbox.url
    settings.JOTFORM_API_KEY = sandbox.api_key
    settings.DOWNLOAD_EXTRA_ORIGINS = [sandbox.url, sandbox.other_origin]
    yield sandbox
    sandbox.reset()
