"""Whatever goes wrong has one shape, and the reader's language."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


def code(answer: Any) -> str:
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert {"code", "message"} <= set(error) <= {"code", "message", "details"}
    return str(error["code"])


def test_unknown_route_is_not_found(client: Client) -> None:
    answer = client.get("/nothing/here")
    assert (answer.status_code, code(answer)) == (404, "not_found")


def test_admin_keeps_its_own_pages(admin_client: Client) -> None:
    answer = admin_client.get("/admin/nothing/here/")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


def test_wrong_method_is_said(as_reader: APIClient) -> None:
    answer = as_reader.delete("/implants")
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"username": NaN}', b"\xff"])
def test_broken_json_is_said(client: Client, body: Any) -> None:
    answer = client.post("/auth/token", body, content_type="application/json")
    assert (answer.status_code, code(answer)) == (400, "parse_error")


def test_missing_fields_are_named(client: Client) -> None:
    answer = client.post("/auth/token", {}, content_type="application/json")
    assert (answer.status_code, code(answer)) == (400, "invalid")
    assert set(answer.json()["error"]["details"]) == {"username", "password"}


def test_long_body_is_refused(client: Client) -> None:
    body = '{"username": "' + "a" * 1_100_000 + '"}'
    answer = client.post("/auth/token", body, content_type="application/json")
    assert (answer.status_code, code(answer)) == (413, "too_large")


def test_too_many_fields_are_refused(client: Client) -> None:
    answer = client.post(
        "/auth/token", "&".join(f"a{n}=" for n in range(2000)),
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert (answer.status_code, code(answer)) == (400, "bad_request")


def test_fault_of_ours_says_nothing_of_itself(
    as_reader: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("cases.api._shown", fail)
    as_reader.raise_request_exception = False
    answer = as_reader.get("/cases")
    assert (answer.status_code, code(answer)) == (500, "server_error")
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", 'Method "DELETE" not allowed.'),
        ("pt-BR", 'Método "DELETE" não é permitido.'),
        ("de", 'Método "DELETE" não é permitido.'),
    ],
)
def test_message_is_in_the_readers_language(
    as_reader: APIClient, language: str, message: str
) -> None:
    answer = as_reader.delete("/implants", HTTP_ACCEPT_LANGUAGE=language)
    assert answer.json()["error"]["message"] == message
