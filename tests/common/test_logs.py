"""Secrets stay out of logs."""

import io
import logging
import logging.config
import secrets
import sys
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from raiox.common.logs import MaskingFormatter, mask


def test_mask_hides_the_token_of_a_webhook_address() -> None:
    assert mask('"POST /webhook/s3cr3t?x=1 HTTP/1.1"') == '"POST /webhook/***?x=1 HTTP/1.1"'
    assert mask("/webhook and /webhooks/24") == "/webhook and /webhooks/24"


@pytest.mark.django_db
def test_a_refused_webhook_leaves_no_token_in_the_log(settings: Any) -> None:
    """Django logs each refused request with its path."""
    token = secrets.token_urlsafe()
    settings.WEBHOOK_TOKENS = [token]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    configured = logging.config.DictConfigurator(django_settings.LOGGING)
    formatter = configured.configure_formatter(django_settings.LOGGING["formatters"]["line"])
    handler.setFormatter(formatter)
    handler.addFilter(
        configured.configure_filter({"()": "raiox.common.correlation.CorrelationFilter"})
    )
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        Client().post(f"/webhook/{token}", b"{", content_type="application/json")
    finally:
        logger.removeHandler(handler)
    assert "/webhook/***" in stream.getvalue()
    assert token not in stream.getvalue()


def line(name: str, exc_info: Any = None, **facts: Any) -> str:
    """What the formatter makes of a record of this logger."""
    fields = {"name": name, "msg": "said", "levelname": "INFO", "exc_info": exc_info}
    record = logging.makeLogRecord({**fields, "correlation_id": "c-1", **facts})
    return MaskingFormatter("%(name)s [%(correlation_id)s] %(message)s").format(record)


def test_a_line_ends_with_its_facts() -> None:
    said = line("webhooks.client", method="GET", status=None, duration_ms=12, ok=True, share=0.5)
    assert said == "webhooks.client [c-1] said method=GET duration_ms=12 ok=True share=0.5"


def test_facts_stay_on_their_line_and_end_early() -> None:
    assert line("raiox.health", reason="one\ntwo\r\x1b\u2028é") == (
        "raiox.health [c-1] said reason=one\\ntwo\\r\\x1b\\u2028é"
    )
    assert len(line("cases", reason="x" * 5000)) < 250


def test_facts_are_masked() -> None:
    assert line("cases.intake", path="/webhook/s3cr3t").endswith("path=/webhook/***")


def test_objects_are_no_facts() -> None:
    assert line("cases.intake", request=object(), patient={"name": "Zilda"}).endswith("said")


@pytest.mark.parametrize("name", ["django.request", "procrastinate.worker", "raioxx", "root"])
def test_other_loggers_facts_stay_out(name: str) -> None:
    assert line(name, status_code=404, args_of_the_job="secret").endswith("said")


def test_facts_come_before_a_traceback() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        said = line("cases.analysis", exc_info=sys.exc_info(), case_id=7)
    assert said.splitlines()[0].endswith("said case_id=7")
    assert said.splitlines()[-1] == "ValueError: broken"
