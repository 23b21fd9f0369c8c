"""One id through requests, jobs and logs."""

import logging

import pytest
from django.test import Client

from raiox.common.correlation import CorrelationFilter, correlated, current


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


def test_log_records_carry_the_id() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "hello", None, None)
    with correlated("abc"):
        CorrelationFilter().filter(record)
    assert record.__dict__["correlation_id"] == "abc"
