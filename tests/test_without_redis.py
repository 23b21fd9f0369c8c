"""Redis is stopped, or hangs: webhooks are kept, people log in, monitors are told."""

import logging
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.test import Client

from tests import redis_server
from tests.people import person
from tests.webhooks.test_body import multipart
from webhooks import signature
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db
FORM, SUBMISSION = "24", "62"


@pytest.fixture(params=["answers", "stopped", "hangs"])
def state(request: Any, settings: Any, tmp_path: Path) -> Iterator[str]:
    """What the Redis that the settings lead to does: a real one of this test's own."""
    with redis_server.running(tmp_path) as url:
        with redis.Redis.from_url(url) as client:
            process = client.info("server")["process_id"]
        settings.REDIS_URL = url
        settings.CACHES = {**settings.CACHES, "default": settings.REDIS_CACHE | {"LOCATION": url}}
        cache.set("warm", "the pool has a connection, as in a process that has run for long")
        if request.param == "stopped":
            os.kill(process, signal.SIGTERM)
            _await_end(url)
        elif request.param == "hangs":
            os.kill(process, signal.SIGSTOP)
        yield request.param
        if request.param == "hangs":
            os.kill(process, signal.SIGCONT)


def _await_end(url: str) -> None:
    for _ in range(100):
        try:
            with redis.Redis.from_url(url, retry=None) as client:
                client.ping()
        except redis.ConnectionError:
            return
        time.sleep(0.05)
    raise AssertionError("Redis does not end")


@pytest.fixture
def door(settings: Any) -> dict[str, str]:
    """A token and a signing secret, and the form that the deliveries are of."""
    settings.WEBHOOK_TOKENS, settings.JF_SECRET = (
        [secrets.token_urlsafe()],
        [secrets.token_urlsafe()],
    )
    JotformForm.objects.create(form_id=FORM, qid_images="5", is_default=True)
    return {"token": settings.WEBHOOK_TOKENS[0], "secret": settings.JF_SECRET[0]}


def not_counted(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if "not counted" in each.message]


@pytest.mark.parametrize("way", ["token", "signature"])
def test_a_webhook_is_kept(
    state: str, door: dict[str, str], way: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, body = multipart(formID=FORM, submissionID=SUBMISSION, rawRequest="{}")
    signed = {signature.HEADER: signature.sign(body, door["secret"])}
    path, headers = ("/webhook/" + door["token"], {}) if way == "token" else ("/webhook", signed)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        answer = Client().post(path, body, content_type=kind, headers=headers)
    assert answer.status_code == 200
    assert InboundEvent.objects.get().submission_id == SUBMISSION
    assert time.monotonic() - started < (4 if state == "hangs" else 1)
    assert len(not_counted(caplog)) == (0 if state == "answers" else 1)
    assert not any(secret in caplog.text for secret in door.values())


def test_a_stranger_is_refused(
    state: str, door: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = Client().post("/webhook/wrong", b"{}", content_type="application/json")
    assert answer.status_code == 401
    assert not InboundEvent.objects.exists()
    assert len(not_counted(caplog)) == (0 if state == "answers" else 1)


def test_health_says_what_it_is(state: str) -> None:
    parts = Client().get("/health").json()["checks"]
    assert parts["storage"]["status"] == "ok"
    parts["cache"].pop("ms")
    away = {"status": "warning", "reason": "unreachable"}
    assert parts["cache"] == ({"status": "ok"} if state == "answers" else away)


def test_the_figures_are_told(state: str, settings: Any) -> None:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert b"raiox_catalogue{" in answer.content and b"raiox_agreement_decided" in answer.content
    told = f'raiox_part_up{{part="cache"}} {float(state == "answers")}'
    assert told in answer.content.decode()


def test_people_log_in(state: str, settings: Any) -> None:
    someone, client = person("ana", is_superuser=True), Client()
    given = {"username": "ana", "password": secrets.token_urlsafe()}
    someone.set_password(given["password"])
    someone.save()
    assert client.post("/admin/login/", given | {"password": "wrong"}).status_code == 200
    assert client.post("/admin/login/?next=/admin/", given).status_code == 302
    assert client.get("/admin/").status_code == 200
