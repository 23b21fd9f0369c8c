"""What Sentry is told of an error: what the log says, and nothing more."""

import logging
import secrets
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from raiox import urls
from raiox.common.correlation import correlated
from raiox.common.sentry import Handler
from tests.sandbox.process import wait_for
from tests.sentry_server import SentryServer, sentry_server

SOMEBODY = "Zilda Prado"


def broken(request: HttpRequest, token: str) -> HttpResponse:
    patient = request.POST["paciente"]
    raise ValueError(f"{patient} is no number")


urlpatterns = [path("webhook/<str:token>", broken, name="broken"), path("", include(urls))]
handler500 = urls.handler500


@pytest.fixture
def sentry() -> Iterator[SentryServer]:
    """The root logger tells a stand-in."""
    with sentry_server() as server:
        handler = Handler(server.dsn, "test", "0")
        logging.getLogger().addHandler(handler)
        yield server
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_it_is_off_by_default() -> None:
    assert django_settings.SENTRY_DSN == ""
    assert django_settings.LOGGING["root"]["handlers"] == ["console"]


@pytest.mark.django_db
def test_a_failing_request_is_told_without_address_body_message_and_variables(
    sentry: SentryServer, settings: object
) -> None:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined]
    token = secrets.token_urlsafe()
    answer = Client(raise_request_exception=False).post(
        f"/webhook/{token}?q={SOMEBODY}", {"paciente": SOMEBODY}, HTTP_X_CORRELATION_ID="c-77"
    )
    assert answer.status_code == 500
    (event,) = wait_for(lambda: sentry.events)
    assert event["logentry"]["message"] == "request failed"
    assert event["tags"] == {"correlation_id": "c-77", "route": "broken", "status": "500"}
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "")
    frame = error["stacktrace"]["frames"][-1]
    assert (frame["filename"], frame["function"]) == ("tests/common/test_sentry.py", "broken")
    assert not {"request", "user", "breadcrumbs"} & set(event)
    for word in ("Zilda", token):
        assert word not in sentry.text


def test_an_error_of_ours_carries_its_ids(sentry: SentryServer) -> None:
    with correlated("c-78", job_id=5, task="cases.deliver"):
        logging.getLogger("cases.delivery").error("delivery failed", extra={"case_id": 7})
    (event,) = wait_for(lambda: sentry.events)
    assert event["tags"] == {
        "correlation_id": "c-78", "case_id": "7", "job_id": "5", "task": "cases.deliver",
    }  # fmt: skip


def test_warnings_stay_at_home(sentry: SentryServer) -> None:
    logging.getLogger("cases.delivery").warning("said")
    logging.getLogger("cases.delivery").error("delivery failed")
    events = wait_for(lambda: sentry.events)
    assert [event["logentry"]["message"] for event in events] == ["delivery failed"]
