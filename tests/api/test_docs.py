"""The API's documentation and who may read it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
BROWSER: dict[str, Any] = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}


def in_session(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_anonymous_browser_is_sent_to_the_log_in(client: Client, path: str) -> None:
    answer: Any = client.get(path, **BROWSER)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={path}")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/openapi.json", 401, "not_authenticated"), ("/docs", 406, "not_acceptable")],
)
def test_anonymous_program_gets_an_error_it_can_read(
    client: Client, path: str, status: int, code: str
) -> None:
    answer = client.get(path, HTTP_ACCEPT="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_reader_in_the_admin_sees_the_docs(make_user: Callable[..., User]) -> None:
    client = in_session(make_user("ana", "Leitores"))
    page = client.get("/docs", **BROWSER)
    assert page.status_code == 200
    assert client.get("/openapi.json", **BROWSER).json()["info"]["title"] == "Raiox AI"


def test_docs_load_nothing_from_elsewhere(make_user: Callable[..., User]) -> None:
    page = in_session(make_user("ana", "Leitores")).get("/docs").content.decode()
    assert "http://" not in page
    assert "https://" not in page
    assert "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in page
    assert finders.find("drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")


def test_token_of_a_reader_opens_the_schema(as_reader: APIClient) -> None:
    assert as_reader.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_person_without_the_scope_is_refused(make_user: Callable[..., User], path: str) -> None:
    answer = in_session(make_user("ana")).get(path, **BROWSER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")


def test_schema_holds_every_route_of_the_api(as_reader: APIClient) -> None:
    paths = as_reader.get("/openapi.json").json()["paths"]
    assert {(path, *methods) for path, methods in paths.items()} >= {
        ("/search", "post"),
        ("/upload", "post"),
        ("/implants", "get"),
        ("/implants/{id}", "get"),
        ("/cases", "get"),
        ("/cases/{id}", "get"),
        ("/cases/{id}/approve", "post"),
        ("/cases/{id}/reject", "post"),
        ("/cases/{id}/reopen", "post"),
        ("/auth/token", "post"),
        ("/auth/token/refresh", "post"),
        ("/ping", "get"),
        ("/healthcheck", "get"),
        ("/health", "get"),
    }


def test_docs_offer_to_choose_a_file(as_reader: APIClient) -> None:
    schemas = as_reader.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["QuestionRequest"]["properties"]["file"]["format"] == "binary"


def test_committed_schema_is_the_schema_of_today(tmp_path: Path) -> None:
    """After a change: `manage.py spectacular --file docs/openapi.yml`."""
    fresh = tmp_path / "openapi.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(fresh))
    committed = Path(settings.BASE_DIR, "docs/openapi.yml")
    assert committed.read_text() == fresh.read_text()
