"""One id through requests, jobs and logs."""

import pytest
from django.test import Client

from raiox.common.correlation import correlated, current, facts, note


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", True), ("", False), ("a b", False), ("x" * 65, False), ("a\nb", False)],
)
def test_a_request_keeps_only_a_harmless_id(given: str, kept: bool) -> None:
    headers = {"X-Correlation-ID": given} if given else {}
    answer = Client().get("/webhook", headers=headers)
    assert (answer["X-Correlation-ID"] == given) is kept
    assert answer["X-Correlation-ID"]


def test_correlated_runs_a_block_under_an_id() -> None:
    with correlated("abc"):
        assert current() == "abc"
        with correlated("") as fresh:
            assert current() == fresh != "abc"
        assert current() == "abc"
    assert current() == ""


def test_a_block_tells_what_is_known_and_forgets_it_afterwards() -> None:
    note(case_id=1)
    assert facts() == {"correlation_id": ""}
    with correlated("abc", job_id=7):
        note(case_id=8)
        with correlated("def", event_id=9):
            assert facts() == {"correlation_id": "def", "job_id": 7, "case_id": 8, "event_id": 9}
        assert facts() == {"correlation_id": "abc", "job_id": 7, "case_id": 8}
    assert facts() == {"correlation_id": ""}
