"""Submissions in the stand-in for Jotform, for the tests of the sweep."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from cases import delivery, review
from cases.intake import open_case
from cases.models import Case
from tests.sandbox.process import SandboxProcess
from webhooks.models import InboundEvent, JotformForm

ANSWERS = {"nome": {"first": "Ana", "last": "Dias"}, "dente": "44"}
Decided = Callable[[], Case]


@pytest.fixture(autouse=True)
def clean(sandbox: SandboxProcess) -> Iterator[None]:
    """Nothing of other tests is in the stand-in."""
    sandbox.reset(everything=True)
    yield
    sandbox.reset(everything=True)


@pytest.fixture
def form(sandbox: SandboxProcess, sandbox_form: JotformForm) -> JotformForm:
    """The stand-in's own form."""
    sandbox.reset()  # forgets the requests that mapped the questions
    return sandbox_form


@pytest.fixture
def decided(
    form: JotformForm,
    sandbox: SandboxProcess,
    make_case: Callable[..., Case],
    brenda: User,
) -> Decided:
    """A case whose answer stands in Jotform."""

    def make() -> Case:
        sent = sandbox.submit(webhook=False)
        case = make_case(form=form, submission_id=sent["id"], tooth="")
        review.set_verdict(case.findings.get(), brenda, verdict="not_identifiable", implant=None)
        review.approve(case, brenda)
        case.refresh_from_db()
        delivery.deliver(case.pk, case.decision_id)
        assert case.deliveries.get().state == "sent"
        return case

    return make


def submit(sandbox: SandboxProcess, **more: Any) -> str:
    """A submission whose webhook got lost."""
    return str(sandbox.submit(ANSWERS, files={"a.png": b"x"}, webhook=False, **more)["id"])


def process() -> None:
    """What the worker does with events that wait."""
    for event in InboundEvent.objects.filter(state="received").order_by("pk"):
        open_case(event.pk)


def write_into_jotform(sandbox: SandboxProcess, case: Case, text: str) -> None:
    """Somebody changes the answer in Jotform by hand."""
    sandbox.set(webhook_on_edit=False)
    field = f"submission[{case.form.qid_result}]"
    sandbox.api("POST", f"/submission/{case.submission_id}", {field: text})


def rows(case: Case) -> list[tuple[str, str]]:
    """State and reason of the case's deliveries."""
    return list(case.deliveries.values_list("state", "reason"))
