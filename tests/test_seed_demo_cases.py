"""Demo cases come through the sandbox's form, as a dentist's would."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from cases.models import Case
from raiox.management.commands import seed_demo_cases
from tests.sandbox.process import SandboxProcess
from webhooks.models import JotformForm

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(seed_demo_cases, "_WAIT_SECONDS", 0)
    # Two films are enough here; rendering all of them takes seconds.
    monkeypatch.setattr(seed_demo_cases, "_SAMPLE_EVERY", 16)
    return sandbox.samples


def sent(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    path = f"/form/{sandbox.form_id}/submissions?limit=1000"
    listed = sandbox.api("GET", path)["content"]
    return [dict(entry) for entry in listed]


def test_demo_cases_are_sent_once(sandbox: SandboxProcess, samples: Path) -> None:
    before = len(sent(sandbox))
    with pytest.raises(CommandError, match="is the worker up"):  # there is none in this test
        call_command("seed_demo_cases", samples=samples)
    assert len(sent(sandbox)) == before + len(seed_demo_cases._SENDINGS)
    form = JotformForm.objects.get()
    assert (form.form_id, form.is_default) == (sandbox.form_id, True)
    assert len(list(samples.glob("*.png"))) == 2
    Case.objects.create(form=form, submission_id="1")
    call_command("seed_demo_cases", samples=samples)
    assert len(sent(sandbox)) == before + len(seed_demo_cases._SENDINGS)
    sandbox.reset(everything=True)


@pytest.mark.usefixtures("samples")
def test_without_a_sandbox_the_command_says_so(tmp_path: Path, settings: Any) -> None:
    settings.JOTFORM_API_URL = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="No sandbox answers"):
        call_command("seed_demo_cases", samples=tmp_path)


def test_demo_cases_are_refused_in_production(settings: Any) -> None:
    settings.IS_DEVELOPMENT = False
    with pytest.raises(CommandError, match="local and test mode"):
        call_command("seed_demo_cases")
