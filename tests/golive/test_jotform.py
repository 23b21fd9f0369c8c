"""What Jotform knows of us: the sandbox stands in for it."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from raiox.golive.jotform import webhooks_registered
from raiox.golive.line import Plan, Status
from tests.sandbox.process import SandboxProcess
from webhooks.connecting import webhook_address
from webhooks.models import JotformForm

pytestmark = pytest.mark.django_db
PLAN = Plan(url="http://127.0.0.1:1")


@pytest.fixture(autouse=True)
def _clean(sandbox: SandboxProcess, settings: Any) -> Iterator[None]:
    settings.WEBHOOK_TOKENS = [secrets.token_urlsafe()]
    yield
    sandbox.reset(everything=True)


def test_no_form_is_connected() -> None:
    assert webhooks_registered(PLAN).status == Status.FAIL


def test_every_form_must_know_us(sandbox: SandboxProcess) -> None:
    other = sandbox.create_form(
        [{"qid": "3", "type": "control_fileupload", "name": "rx", "text": "rx"}]
    )
    for form_id in (sandbox.form_id, other):
        JotformForm.objects.create(form_id=form_id)
    sandbox.register_webhook(webhook_address())
    line = webhooks_registered(PLAN)
    assert (line.status, line.seen.endswith(f"is not registered at {other}")) == (Status.FAIL, True)
    assert "***" in line.seen
    sandbox.register_webhook(webhook_address(), other)
    assert webhooks_registered(PLAN).status == Status.OK


def test_another_token_is_not_ours(sandbox: SandboxProcess, settings: Any) -> None:
    JotformForm.objects.create(form_id=sandbox.form_id)
    sandbox.register_webhook(webhook_address())
    settings.WEBHOOK_TOKENS = [secrets.token_urlsafe()]
    assert webhooks_registered(PLAN).status == Status.FAIL


def test_a_key_that_jotform_refuses(sandbox: SandboxProcess, settings: Any) -> None:
    JotformForm.objects.create(form_id=sandbox.form_id)
    settings.JOTFORM_API_KEY = secrets.token_hex()
    line = webhooks_registered(PLAN)
    assert (line.status, "JOTFORM_API_KEY" in line.todo) == (Status.FAIL, True)
