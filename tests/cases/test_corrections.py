"""Which answers count as perhaps read, so that the next one says that it corrects them."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from cases import delivery, review
from implants.models import Implant
from tests.cases.test_delivery import Decide, answer_in, deliver, rows
from tests.cases.test_delivery import decide as decide
from tests.cases.test_delivery import pending as pending
from tests.sandbox.process import SandboxProcess
from webhooks.client import JotformClient

pytestmark = pytest.mark.django_db


def test_an_answer_that_was_blank_needs_no_correction(
    sandbox: SandboxProcess, decide: Decide, brenda: User, implants: list[Implant]
) -> None:
    case = decide()
    case.deliveries.update(text="")
    deliver(case)
    review.reopen(case, brenda)
    assert rows(case) == [(1, "failed", "our_fault")]
    deliver(decide(implants[1]))
    assert not answer_in(sandbox, case).startswith(("CORRE", "Corre"))


def test_a_fault_of_ours_on_the_way_may_have_been_read(
    sandbox: SandboxProcess, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError

    case = decide()
    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(JotformClient, "update_answer", fail)
    deliver(case)
    assert rows(case) == [(1, "failed", "our_fault")]
    assert delivery.may_have_been_read(case)
