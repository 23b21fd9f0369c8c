"""What tests of several applications share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.process import SandboxProcess


@pytest.fixture(scope="session")
def _sandbox_process() -> Iterator[SandboxProcess]:
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox_process: SandboxProcess, settings: Any) -> Iterator[SandboxProcess]:
    """The stand-in for Jotform in its own process, and the settings that lead to it."""
    sandbox = _sandbox_process
    settings.JOTFORM_API_URL = sandbox.url
    settings.JOTFORM_API_KEY = sandbox.api_key
    settings.DOWNLOAD_EXTRA_ORIGINS = [sandbox.url, sandbox.other_origin]
    yield sandbox
    sandbox.reset()
