"""Secrets stay out of logs."""

import io
import logging
import logging.config
import secrets
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from raiox.common.logs import mask


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
