"""What the running service says of itself, asked over HTTP."""

import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product_settings
from django.db.migrations.recorder import MigrationRecorder

from implants.models import Encoder
from raiox.golive import service
from raiox.golive.line import Line, Plan, Status
from tests.common.certificates import certificate
from tests.common.loopback import answer, serve
from tests.stack import Stack, free_port
from webhooks.models import InboundEvent

NOBODY = Plan(url="http://127.0.0.1:1")


def test_version_of_the_running_code(plan: Plan, settings: Any) -> None:
    assert service.version(plan) == Line(Status.OK, product_settings.RAIOX_VERSION)


def test_version_of_code_that_was_not_restarted() -> None:
    with serve() as server:
        server.answers["/healthcheck"] = answer(json.dumps({"version": "0.0.1"}).encode())
        line = service.version(Plan(url=server.origin))
    assert line.status == Status.FAIL
    assert line.seen.startswith("0.0.1 answers")
    assert "Restart" in line.todo


@pytest.mark.parametrize(
    ("running", "installed", "status", "seen"),
    [
        ("a" * 40, "a" * 40, Status.OK, "0.1.0 (aaaaaaaaaaaa)"),
        ("a" * 40, "b" * 40, Status.FAIL, "0.1.0 (aaaaaaaaaaaa) answers, 0.1.0 (bbbbbbbbbbbb) is"),
        ("a" * 40, "", Status.OK, "0.1.0 (aaaaaaaaaaaa)"),
        ("", "b" * 40, Status.OK, "0.1.0"),
    ],
)
def test_commit_of_the_running_code(
    settings: Any, running: str, installed: str, status: Status, seen: str
) -> None:
    """Versions are all called the same; a release is a commit."""
    settings.RAIOX_VERSION, settings.RAIOX_COMMIT = "0.1.0", installed
    with serve() as server:
        told = {"version": "0.1.0", "commit": running}
        server.answers["/healthcheck"] = answer(json.dumps(told).encode())
        line = service.version(Plan(url=server.origin))
    assert (line.status, line.seen.startswith(seen)) == (status, True), line


def test_nobody_answers() -> None:
    assert service.version(NOBODY).status == Status.FAIL
    assert service.webhook_door(NOBODY).status == Status.FAIL


def test_something_else_answers() -> None:
    with serve() as server:
        server.answers["/healthcheck"] = answer(status=502)
        assert service.version(Plan(url=server.origin)).status == Status.FAIL
        with pytest.raises(ValueError, match="answers 404"):
            service.health(Plan(url=server.origin))


def test_health_of_all_parts(plan: Plan, catalogue: Encoder) -> None:
    line = service.health(plan)
    assert line.status == Status.OK, line
    assert "storage ok" in line.seen


def test_health_without_a_catalogue_is_no_failure(plan: Plan, encoder: Encoder) -> None:
    line = service.health(plan)
    assert (line.status, "catalogue warning" in line.seen) == (Status.WARN, True)


def test_health_with_a_part_that_fails(plan: Plan, catalogue: Encoder) -> None:
    taken = list(MigrationRecorder.Migration.objects.filter(app="cases"))
    MigrationRecorder.Migration.objects.filter(app="cases").delete()
    try:
        line = service.health(plan)
    finally:  # emptying the tables does not bring them back
        MigrationRecorder.Migration.objects.bulk_create(taken)
    assert (line.status, "migrations failed" in line.seen) == (Status.FAIL, True)


def test_encoder_that_was_expected(plan: Plan, catalogue: Encoder) -> None:
    expected = replace(plan, encoder=catalogue.name)
    assert service.encoder(expected) == Line(Status.OK, catalogue.name)


def test_encoder_that_was_not_expected(plan: Plan, catalogue: Encoder) -> None:
    line = service.encoder(replace(plan, encoder="clip-vit-b-32-openai"))
    assert (line.status, "activate_encoder clip-vit" in line.todo) == (Status.FAIL, True)
    assert service.encoder(plan).status == Status.WARN


def test_encoder_that_the_process_does_not_follow(plan: Plan, catalogue: Encoder) -> None:
    with serve() as server:
        parts = {"encoder": {"status": "ok", "name": "another"}}
        server.answers["/health"] = answer(json.dumps({"checks": parts}).encode())
        line = service.encoder(Plan(url=server.origin))
    assert (line.status, "answers with another" in line.seen) == (Status.FAIL, True)


# The webhook's door


def test_door_with_the_right_token(plan: Plan) -> None:
    line = service.webhook_door(plan)
    assert line.status == Status.OK, line
    assert product_settings.WEBHOOK_TOKENS[0] not in line.seen
    assert not InboundEvent.objects.exists()


def test_door_that_wants_signatures(plan: Plan, settings: Any) -> None:
    settings.WEBHOOK_REQUIRE_SIGNATURE = True
    settings.JF_SECRET = [secrets.token_urlsafe()]
    assert service.webhook_door(plan).status == Status.OK


def test_door_of_a_service_with_other_tokens(stack: Stack) -> None:
    line = service.webhook_door(Plan(url=stack.url))
    assert (line.status, "WEBHOOK_TOKENS" in line.todo) == (Status.FAIL, True)


def test_door_behind_a_redirect() -> None:
    with serve() as server:
        path = f"/webhook/{product_settings.WEBHOOK_TOKENS[0]}"
        server.answers[path] = answer(status=301, Location="https://elsewhere.example/")
        line = service.webhook_door(Plan(url=server.origin))
    assert (line.status, "redirect" in line.todo) == (Status.FAIL, True)


# The certificate


@contextmanager
def tls(folder: Path, days: float) -> Iterator[Plan]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder, "localhost", timedelta(days=days)))
    with serve(context) as server:
        yield Plan(url=f"https://localhost:{server.port}")


@pytest.mark.parametrize(("days", "status"), [(80, Status.OK), (20, Status.WARN), (5, Status.FAIL)])
def test_days_that_a_certificate_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float, status: Status
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with tls(tmp_path, days) as plan:
        line = service.certificate(plan)
    assert line.status == status
    assert line.seen == f"valid for {days} more days"
    assert ("certbot renew" in line.todo) == (status != Status.OK)


def test_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    with tls(tmp_path, 80) as plan:
        line = service.certificate(plan)
    assert (line.status, "self-signed" in line.seen) == (Status.FAIL, True)


def test_certificate_that_ran_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with tls(tmp_path, -1 / 1440) as plan:
        line = service.certificate(plan)
    assert (line.status, "expired" in line.seen) == (Status.FAIL, True)
    assert "certbot renew" in line.todo


def test_certificate_where_there_is_no_tls() -> None:
    assert service.certificate(Plan(url="http://127.0.0.1")).status == Status.WARN
    line = service.certificate(Plan(url=f"https://127.0.0.1:{free_port()}"))
    assert (line.status, "ConnectionRefusedError" in line.seen) == (Status.FAIL, True)
