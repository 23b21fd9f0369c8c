"""Changing encoders with real processes: web and worker go on answering, and follow in seconds."""

import time
from collections.abc import Iterator

import pytest
import requests

from tests.implants.tiny_encoder import write_bundle
from tests.sandbox.process import wait_for
from tests.stack import Stack
from tests.test_flow import submit

FOLLOWS_WITHIN_SECONDS = 5


@pytest.fixture
def other(stack: Stack) -> Iterator[str]:
    """Another encoder's folder; afterwards the bundled one answers again, alone."""
    yield str(write_bundle(stack.folder / "other", name="other"))
    stack.manage("activate_encoder", "--bundled")
    stack.manage("reembed", "--prune")
    wait_for(lambda: web_encoder(stack) != "other", FOLLOWS_WITHIN_SECONDS)


def web_encoder(stack: Stack) -> str:
    """Which encoder the web process has answered with, as it says in /health."""
    found = requests.get(f"{stack.url}/health", timeout=10).json()["checks"]["encoder"]
    assert found["status"] == "ok", found
    return str(found["name"])


def searched_by(stack: Stack, case: int) -> list[str]:
    """The encoders that a case's searches name."""
    rows = stack.sql(
        "SELECT DISTINCT e.name FROM searches s JOIN findings f ON f.id = s.finding_id"
        " JOIN encoders e ON e.id = s.encoder_id WHERE f.case_id = %s",
        case,
    )
    return [str(name) for (name,) in rows]


def test_web_and_worker_follow_another_encoder_within_seconds(stack: Stack, other: str) -> None:
    before = web_encoder(stack)
    stack.manage("reembed", "--encoder", other)
    assert web_encoder(stack) == before
    assert searched_by(stack, stack.pending(submit(stack))) == [before]

    stack.manage("activate_encoder", other)
    changed_at = time.monotonic()
    wait_for(lambda: web_encoder(stack) == "other", FOLLOWS_WITHIN_SECONDS)
    time.sleep(max(0, changed_at + FOLLOWS_WITHIN_SECONDS - time.monotonic()))

    case = stack.pending(submit(stack))
    assert searched_by(stack, case) == ["other"]
    page = stack.log_in().get(f"{stack.url}/admin/", timeout=10).text
    assert "Encoder: other" in page or "Codificador: other" in page
    lacking = stack.sql(
        "SELECT count(*) FROM reference_images r WHERE NOT EXISTS (SELECT 1 FROM"
        " reference_vectors v JOIN encoders e ON e.id = v.encoder_id AND e.is_active"
        " WHERE v.reference_id = r.id)"
    )
    assert lacking == [(0,)]
