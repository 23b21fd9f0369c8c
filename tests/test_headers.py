"""What every answer tells browsers, and how cookies are kept."""

import secrets
from typing import Any

import pytest
from django.conf import settings as product
from django.test import Client
from django.utils.module_loading import import_string
from rest_framework_simplejwt.tokens import AccessToken

from raiox.api.auth import _with_scopes
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


@pytest.mark.parametrize(
    "path",
    ["/cases", "/cases/1", "/implants", "/search", "/auth/token", "/auth/logout", "/webhook/wrong",
     "/files/cases/api/wrong", "/nowhere", "/health"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_answer_of_the_api_is_kept(client: Client, path: str, method: str) -> None:
    assert getattr(client, method)(path)["Cache-Control"] == "no-store"


def test_an_answer_with_data_is_not_kept_either(client: Client) -> None:
    token = _with_scopes(str(AccessToken.for_user(person("ana", "Leitores"))))
    answer = client.get("/cases", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")


def test_pages_and_files_say_themselves_what_may_be_kept(client: Client) -> None:
    assert "private" in client.get("/admin/login/")["Cache-Control"]
    file = client.get("/static/cases/page.css")
    file.close()
    assert "public" in file["Cache-Control"]


def test_films_keep_the_stricter_policy() -> None:
    headers = import_string("implants.pictures._HEADERS")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_with_tls_browsers_are_told_to_stay_with_it(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 60
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    sent = client.get("/privacidade")
    assert (sent.status_code, sent["Location"]) == (301, "https://testserver/privacidade")
    assert client.get("/ping").status_code == 200, "monitors ask gunicorn itself, without TLS"
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
