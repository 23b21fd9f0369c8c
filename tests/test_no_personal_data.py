"""Names go into the database and into Jotform, and nowhere else.

The whole service as real processes, with people whose names are like no other word; everything
that leaves it for the eyes of operators is searched for them afterwards.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller

from tests.cases.notices.conftest import Mailbox, html, plain
from tests.common.loopback import Loopback, answer, serve
from tests.sandbox.process import wait_for
from tests.sentry_server import SentryServer, sentry_server
from tests.stack import REVIEWERS, SYSTEMS, Stack, film, free_port

DENTIST = {"first": "Zulmira", "last": "Quintanilha"}
PERSONS = {
    "nome": DENTIST,
    "email": "zulmira@consultorio-marcado.example",
    "paciente": "Yolanda Wruckwald",
    "dente": "44",
}
FILE_NAME = "radiografia Yolanda Wruckwald.png"
NOTE = "Ligar para Ximenes, 55 98765-4321"
EDITED = "Xaviera Wruckwald"
MARKS = re.compile(
    "zulmira|quintanilha|consultorio-marcado|yolanda|wruckwald|ximenes|98765-4321|xaviera",
    re.IGNORECASE,
)
BOT_TOKEN = "-".join(("12345", "not", "a", "token"))

# A database that quotes a row in its refusal, as constraints and casts do.
QUOTING = """
CREATE FUNCTION quote_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused: %', NEW.payload USING DETAIL = NEW.payload::text;
END $$;
CREATE TRIGGER quote_webhook BEFORE INSERT ON inbound_events
    FOR EACH ROW EXECUTE FUNCTION quote_webhook();
"""
QUOTING_CASES = """
CREATE FUNCTION quote_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused: %', NEW.patient USING DETAIL = NEW.dentist_name;
END $$;
CREATE TRIGGER quote_case BEFORE INSERT ON cases FOR EACH ROW EXECUTE FUNCTION quote_case();
"""
FORGET = "DROP FUNCTION {} CASCADE"


@dataclass
class Outside:
    """Everything beside Jotform that the service talks to."""

    sentry: SentryServer
    telegram: Loopback
    mailbox: Mailbox
    pages: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def outside(stack: Stack) -> Iterator[Outside]:
    """The stand-ins, and the service told of them."""
    with ExitStack() as running:
        mailbox = Mailbox()
        mails = Controller(mailbox, hostname="127.0.0.1", port=free_port())
        mails.start()
        running.callback(mails.stop)
        telegram, sentry = running.enter_context(serve()), running.enter_context(sentry_server())
        telegram.answers[f"/bot{BOT_TOKEN}/sendMessage"] = answer(b'{"ok": true}')
        origins = stack.environment["DOWNLOAD_EXTRA_ORIGINS"]
        told = {
            "EMAIL_URL": f"smtp://127.0.0.1:{mails.port}",
            "TELEGRAM_BOT_TOKEN": BOT_TOKEN,
            "TELEGRAM_CHAT_ID": "77",
            "TELEGRAM_API_URL": telegram.origin,
            "DOWNLOAD_EXTRA_ORIGINS": f"{origins},{telegram.origin}",
            "SENTRY_DSN": sentry.dsn,
            "LOG_LEVEL": "DEBUG",
        }
        _restart(stack, told)
        yield Outside(sentry, telegram, mailbox)
        _restart(stack, {})


def _restart(stack: Stack, told: dict[str, str]) -> None:
    stack.stop("web")
    stack.stop("worker")
    stack.more_environment = told
    stack.start_web()
    stack.start_worker()


@pytest.fixture(scope="module")
def lived(stack: Stack, outside: Outside) -> Outside:
    """Cases of these people have gone every way that there is."""
    _let_brenda_hear_of_everything(stack)
    session = stack.log_in()
    _approved_and_edited(stack, session)
    _not_downloaded_and_rejected(stack, session)
    _refused_by_the_database(stack)
    _pages_of_errors(stack, session, outside)
    wait_for(lambda: outside.sentry.events, 20)
    wait_for(lambda: _heard_of(outside, 2), 30)
    stack.sandbox.reset()
    return outside


def _let_brenda_hear_of_everything(stack: Stack) -> None:
    stack.manage("shell", "-c", "\n".join((
        "from django.contrib.auth.models import User",
        "from cases.models import ReviewerPreferences",
        f"user = User.objects.get(username={REVIEWERS[0]!r})",
        "user.email = 'brenda@raiox.example'; user.save()",
        "ReviewerPreferences.objects.create(user=user, case_mails='at_once')",
    )))  # fmt: skip


def _heard_of(outside: Outside, count: int) -> bool:
    return len(outside.mailbox.letters) >= count and len(outside.telegram.asked) >= count


def _submit(stack: Stack) -> str:
    files = {FILE_NAME: film(SYSTEMS[0], query=True)}
    return str(stack.sandbox.submit(PERSONS, files=files)["id"])


def _rows(stack: Stack, query: str, *args: Any) -> Callable[[], bool]:
    return lambda: bool(stack.sql(query, *args))


def _approved_and_edited(stack: Stack, session: requests.Session) -> None:
    submission = _submit(stack)
    case = stack.pending(submission)
    stack.sandbox.edit(submission, {"paciente": EDITED})
    wait_for(_rows(stack, "SELECT 1 FROM cases WHERE id = %s AND patient = %s", case, EDITED))
    page = stack.case_page(session, case)
    page.decide("approve", verdict="identified", implant=page.candidates[0].implant_id, note=NOTE)
    wait_for(lambda: NOTE in stack.sandbox.submission(submission)["result"], 30)
    stack.sandbox.edit(submission, {"paciente": PERSONS["paciente"]})
    wait_for(_rows(stack, "SELECT 1 FROM cases WHERE id = %s AND changed_after_decision", case))


def _not_downloaded_and_rejected(stack: Stack, session: requests.Session) -> None:
    stack.sandbox.set(file_status=404)
    submission = _submit(stack)
    case = stack.pending(submission, 60)
    state = "SELECT state FROM case_images WHERE case_id = %s"
    assert stack.sql(state, case) == [("refused",)]
    stack.sandbox.set(file_status=0, error_in_200=404)
    said = {"rejection-reason": "other", "rejection-text": NOTE}
    stack.case_page(session, case).decide("reject", verdict="", implant=None, **said)
    failed = "SELECT 1 FROM deliveries WHERE case_id = %s AND state IN ('failed', 'retrying')"
    wait_for(_rows(stack, failed, case), 30)
    stack.sandbox.set(error_in_200=0)


def _refused_by_the_database(stack: Stack) -> None:
    stack.execute(QUOTING_CASES)
    _submit(stack)
    failing = (
        "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'cases.open_case' AND attempts > 0"
    )
    wait_for(_rows(stack, f"{failing} AND status = 'todo'"), 30)
    stack.execute(FORGET.format("quote_case"))
    stack.execute(QUOTING)
    content = {"formID": stack.sandbox.form_id, "submissionID": "9", **PERSONS}
    refused = requests.post(stack.webhook, json=content, timeout=20)
    assert refused.status_code == 500
    assert not MARKS.search(refused.text)
    stack.execute(FORGET.format("quote_webhook"))


def _pages_of_errors(stack: Stack, session: requests.Session, outside: Outside) -> None:
    for path in ("/admin/nada/", "/Yolanda", "/cases/Yolanda", "/admin/cases/case/Yolanda/change/"):
        found = session.get(f"{stack.url}{path}", params={"q": "Wruckwald"}, timeout=20)
        outside.pages.append(found.text)
    # The list shows who was looked for, to her who looked: only the log counts here.
    session.get(f"{stack.url}/admin/cases/case/", params={"q": "Wruckwald"}, timeout=20)
    requests.post(f"{stack.webhook}wrong/Yolanda", timeout=20)
    requests.post(stack.webhook, data=b"Yolanda Wruckwald", timeout=20)
    requests.post(
        f"{stack.url}/auth/token", json={"username": PERSONS["email"], "password": "x"}, timeout=20
    )


# What must be there, or the rest would prove nothing


def test_the_names_did_go_through_the_service(stack: Stack, lived: Outside) -> None:
    kept = stack.sql("SELECT dentist_name, patient, dentist_email FROM cases")
    assert MARKS.search(str(kept))
    assert MARKS.search(str(stack.sql("SELECT url FROM case_images")))
    assert NOTE in str(stack.sql("SELECT text FROM deliveries"))


@pytest.mark.parametrize(
    ("name", "event"),
    [("web", "request failed"), ("web", "webhook stored"), ("worker", "job failed")],
)
def test_the_logs_tell_of_it(stack: Stack, lived: Outside, name: str, event: str) -> None:
    assert f'"event": "{event}"' in (stack.folder / f"{name}.log").read_text()


# What nobody may find


@pytest.mark.parametrize("name", ["web", "worker"])
def test_logs_hold_no_personal_data(stack: Stack, lived: Outside, name: str) -> None:
    told = (stack.folder / f"{name}.log").read_text()
    assert [line for line in told.splitlines() if MARKS.search(line)] == []
    for secret in (stack.token, BOT_TOKEN, stack.sandbox.api_key):
        assert secret not in told


def test_arguments_of_jobs_hold_no_personal_data(stack: Stack, lived: Outside) -> None:
    jobs = [json.dumps(args) for (args,) in stack.sql("SELECT args FROM procrastinate_jobs")]
    assert len(jobs) > 5
    assert [args for args in jobs if MARKS.search(args)] == []


def test_metrics_hold_no_personal_data(stack: Stack, lived: Outside) -> None:
    told = requests.get(f"{stack.url}/metrics", timeout=20).text
    assert "raiox_case_events_total" in told
    assert not MARKS.search(told)
    assert stack.token not in told


def test_pages_of_errors_hold_no_personal_data(lived: Outside) -> None:
    assert len(lived.pages) == 4
    assert [page for page in lived.pages if MARKS.search(page)] == []


def test_notices_hold_no_personal_data(lived: Outside) -> None:
    letters = [f"{plain(letter)}{html(letter)}{letter}" for _, letter in lived.mailbox.letters]
    messages = [asked.body.decode() for asked in lived.telegram.asked]
    assert [text for text in (*letters, *messages) if MARKS.search(text)] == []


def test_sentry_is_told_no_personal_data(stack: Stack, lived: Outside) -> None:
    assert "request failed" in lived.sentry.text
    assert not MARKS.search(lived.sentry.text)
    assert stack.token not in lived.sentry.text
