"""The door: every status of the contract, and nothing accepted that is not kept."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.webhooks.test_body import multipart
from webhooks import signature
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db
State = InboundEvent.State


@pytest.fixture(autouse=True)
def _empty_counters() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def token(settings: Any) -> str:
    settings.WEBHOOK_TOKENS = [secrets.token_urlsafe(), secrets.token_urlsafe()]
    return str(settings.WEBHOOK_TOKENS[1])


@pytest.fixture
def secret(settings: Any) -> str:
    settings.JF_SECRET = [secrets.token_urlsafe(), secrets.token_urlsafe()]
    return str(settings.JF_SECRET[1])


@pytest.fixture
def form() -> JotformForm:
    return JotformForm.objects.create(form_id="24", qid_images="5", is_default=True)


def delivery(form_id: str = "24", submission_id: str = "62") -> tuple[str, bytes]:
    raw = json.dumps({"radiografia": ["https://www.jotform.com/uploads/c/24/62/a.png"]})
    return multipart(formID=form_id, submissionID=submission_id, rawRequest=raw)


def post(path: str, content_type: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
    return Client().post(path, body, content_type=content_type, headers=headers)


def jobs() -> list[dict[str, Any]]:
    return [job.args for job in ProcrastinateJob.objects.filter(task_name="cases.open_case")]


def test_webhook_keeps_the_event_and_asks_for_the_case(token: str, form: JotformForm) -> None:
    answer = post(f"/webhook/{token}", *delivery(), {"X-Correlation-ID": "abc-1"})
    assert (answer.status_code, json.loads(answer.content)) == (200, {"status": "accepted"})
    event = InboundEvent.objects.get()
    assert (event.state, event.form_id, event.submission_id) == (State.RECEIVED, "24", "62")
    assert jobs() == [{"event_id": event.pk, "correlation_id": "abc-1"}]
    assert answer["X-Correlation-ID"] == event.correlation_id == "abc-1"


@pytest.mark.django_db(transaction=True)
def test_webhook_stores_nothing_when_the_job_can_not_be_stored(
    token: str, form: JotformForm
) -> None:
    """Event and job are one transaction: neither stays without the other."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_jobs RENAME TO hidden")
    try:
        answer = Client(raise_request_exception=False).post(
            f"/webhook/{token}", delivery()[1], content_type=delivery()[0]
        )
        assert answer.status_code == 500
        assert not InboundEvent.objects.exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE hidden RENAME TO procrastinate_jobs")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_webhook_takes_only_post(token: str, method: str) -> None:
    assert getattr(Client(), method)(f"/webhook/{token}").status_code == 405


def test_webhook_refuses_a_wrong_token_before_reading(form: JotformForm, token: str) -> None:
    answer = post("/webhook/wrong", "application/json", b"{")
    assert answer.status_code == 401
    assert json.loads(answer.content)["error"]["code"] == "bad_token"
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", b"{"), ("multipart/form-data; boundary=b", b"broken")],
)
def test_webhook_refuses_a_broken_body(token: str, content_type: str, body: bytes) -> None:
    assert post(f"/webhook/{token}", content_type, body).status_code == 400


def test_webhook_refuses_a_body_over_the_cap(token: str, settings: Any) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 1000
    assert post(f"/webhook/{token}", "application/json", b" " * 1001).status_code == 413
    assert post(f"/webhook/{token}", "application/json", b" " * 1000).status_code == 200


def test_webhook_counts_a_chunked_body_too(token: str, settings: Any, form: JotformForm) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 1000
    kind, body = delivery()
    for size, status in ((len(body), 200), (1001, 413)):
        stream: dict[str, Any] = {"wsgi.input": BytesIO(body.ljust(size))}
        chunked: dict[str, Any] = {
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": "chunked",
        }
        answer = Client().generic("POST", f"/webhook/{token}", **chunked, **stream)
        assert answer.status_code == status
    assert InboundEvent.objects.get().submission_id == "62"


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("application/json", b"", "empty body"),
        ("application/json", b'{"x": 1}', "unknown shape"),
        (*delivery(form_id="99"), "unknown form"),
    ],
)
def test_webhook_keeps_but_ignores_what_it_does_not_know(
    token: str, form: JotformForm, content_type: str, body: bytes, reason: str
) -> None:
    assert post(f"/webhook/{token}", content_type, body).status_code == 200
    event = InboundEvent.objects.get()
    assert (event.state, event.reason) == (State.IGNORED, reason)
    assert jobs() == []


def test_webhook_redacts_its_own_secrets(token: str, form: JotformForm) -> None:
    content = {"image_url": f"https://x/{token}", "webhookURL": f"https://x/{token}"}
    post(f"/webhook/{token}", "application/json", json.dumps(content).encode())
    assert token not in json.dumps(InboundEvent.objects.get().payload)


def test_bare_webhook_is_open_in_local_mode_without_secrets(form: JotformForm) -> None:
    body = b'{"image_url": "https://x/y.jpg", "client_id": "c"}'
    assert post("/webhook", "application/json", body).status_code == 200
    event = InboundEvent.objects.get()
    assert event.form_id == "24"
    assert event.submission_id == f"direct-{hashlib.sha256(body).hexdigest()}"


@pytest.mark.usefixtures("token")
def test_bare_webhook_needs_a_signature_elsewhere(
    form: JotformForm, secret: str, settings: Any
) -> None:
    settings.IS_DEVELOPMENT = False
    kind, body = delivery()
    assert post("/webhook", kind, body).status_code == 401
    signed = {signature.HEADER: signature.sign(body, secret)}
    assert post("/webhook", kind, body, signed).status_code == 200


def test_bare_webhook_is_closed_in_local_mode_with_secrets(form: JotformForm, secret: str) -> None:
    assert post("/webhook", *delivery()).status_code == 401


def test_a_signature_that_is_there_must_be_right(
    token: str, form: JotformForm, secret: str
) -> None:
    kind, body = delivery()
    wrong = {signature.HEADER: signature.sign(body + b" ", secret)}
    right = {signature.HEADER: signature.sign(body, secret).upper()}
    assert post(f"/webhook/{token}", kind, body, wrong).status_code == 401
    assert post(f"/webhook/{token}", kind, body, right).status_code == 200


def test_a_signature_nobody_can_check_is_wrong(token: str, form: JotformForm) -> None:
    kind, body = delivery()
    assert post(f"/webhook/{token}", kind, body, {signature.HEADER: "ab"}).status_code == 401


def test_a_setting_can_require_the_signature(
    token: str, form: JotformForm, secret: str, settings: Any
) -> None:
    settings.WEBHOOK_REQUIRE_SIGNATURE = True
    assert post(f"/webhook/{token}", *delivery()).status_code == 401


def test_strangers_are_slowed_down_and_valid_tokens_are_not(
    token: str, form: JotformForm, settings: Any
) -> None:
    settings.WEBHOOK_RATE_UNAUTHENTICATED = "3/m"
    statuses = [post("/webhook/wrong", *delivery()).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 401, 429]
    assert post(f"/webhook/{token}", *delivery()).status_code == 200


def test_a_stranger_counts_by_her_own_address_and_can_not_change_it(settings: Any) -> None:
    settings.WEBHOOK_RATE_UNAUTHENTICATED = "2/m"

    def knock(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return int(post("/webhook/wrong", *delivery(), headers).status_code)

    assert [knock(f"203.0.113.{last}") for last in range(4)] == [401, 401, 401, 429]
    cache.clear()
    settings.TRUSTED_PROXIES = ["127.0.0.1/32"]
    claimed = [knock(f"203.0.113.{last}, 198.51.100.7") for last in range(4)]
    assert claimed == [401, 401, 401, 429]
    assert knock("198.51.100.8") == 401, "another client behind the same proxy"


def test_an_ipv6_network_counts_as_one_stranger(settings: Any) -> None:
    settings.WEBHOOK_RATE_UNAUTHENTICATED = "2/m"
    settings.TRUSTED_PROXIES = ["127.0.0.1/32"]

    def knock(address: str) -> int:
        return int(post("/webhook/wrong", *delivery(), {"X-Forwarded-For": address}).status_code)

    assert [knock(f"2001:db8:0:1::{last}") for last in range(4)] == [401, 401, 401, 429]
    assert knock("2001:db8:0:2::1") == 401, "another network"


def test_a_valid_token_has_a_rate_of_its_own(token: str, form: JotformForm, settings: Any) -> None:
    settings.WEBHOOK_RATE = "2/m"
    statuses = [post(f"/webhook/{token}", *delivery()).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    other = settings.WEBHOOK_TOKENS[0]
    assert post(f"/webhook/{other}", *delivery()).status_code == 200


def test_direct_events_without_a_default_form_are_ignored(token: str) -> None:
    post(f"/webhook/{token}", "application/json", b'{"image_url": "https://x/y.jpg"}')
    event = InboundEvent.objects.get()
    assert (event.state, event.reason) == (State.IGNORED, "no default form")
