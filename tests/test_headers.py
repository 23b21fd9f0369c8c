"""What every answer tells browsers, and how cookies are kept."""

import secrets
from typing import Any

import pytest
from django.conf import settings as product
from django.test import Client
from django.utils.module_loading import import_string

from tests.people import person

pytestmark = pytest.mark.django_db
ANYWHERE = ("/admin/login/", "/admin/", "/ping", "/cases", "/nowhere", "/privacidade", "/webhook")


@pytest.mark.parametrize("path", ANYWHERE)
def test_every_answer_carries_the_policies(client: Client, path: str) -> None:
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in f"{policy};"
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert "camera=()" in answer["Permissions-Policy"]


def test_films_keep_the_stricter_policy() -> None:
    headers = import_string("implants.pictures._HEADERS")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_with_tls_browsers_are_told_to_stay_with_it(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 60
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    sent = client.get("/ping")
    assert (sent.status_code, sent["Location"]) == (301, "https://testserver/ping")
    assert client.get("/ping", secure=True)["Strict-Transport-Security"] == (
        "max-age=60; includeSubDomains"
    )


def test_the_session_is_for_our_pages_alone(client: Client) -> None:
    password = secrets.token_urlsafe()
    user = person("ana", "Leitores")
    user.set_password(password)
    user.save()
    client.post("/admin/login/", {"username": "ana", "password": password})
    cookie = client.cookies[product.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
