"""Lines of the log: the same shape from everybody, without secrets and persons."""

import json
import logging
import secrets
import sys
from typing import Any

import psycopg
import pytest

from raiox.common.correlation import correlated
from raiox.common.faults import described
from raiox.common.logs import Style, formatter, mask

SOMEBODY = "Zilda Prado"


def record(name: str, exc_info: Any = None, msg: str = "said", **facts: Any) -> logging.LogRecord:
    fields = {"name": name, "msg": msg, "levelname": "INFO", "levelno": 20, "exc_info": exc_info}
    return logging.makeLogRecord({**fields, **facts})


def told(style: Style, name: str, exc_info: Any = None, **facts: Any) -> str:
    """What the formatter makes of a record of this logger."""
    return formatter(style).format(record(name, exc_info, **facts))


def fields(name: str, exc_info: Any = None, **facts: Any) -> dict[str, Any]:
    return dict(json.loads(told("json", name, exc_info, **facts)))


def raised(error: BaseException) -> Any:
    try:
        raise error
    except type(error):
        return sys.exc_info()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('"POST /webhook/s3cr3t?x=1 HTTP/1.1"', '"POST /webhook/***?x=1 HTTP/1.1"'),
        ("/files/cases/17-1:abc/thumbnail", "/files/cases/***/thumbnail"),
        ("/files/cases/api/17-1:abc", "/files/cases/api/***"),
        ("/files/references/signed/9:abc", "/files/references/signed/***"),
        ("/bot12345:abc/sendMessage", "/bot***/sendMessage"),
        ("/webhook and /webhooks/24", "/webhook and /webhooks/24"),
    ],
)
def test_mask_hides_what_opens_doors(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_a_line_says_when_how_grave_what_and_for_which_case() -> None:
    with correlated("c-1", job_id=7, case_id=3):
        said = fields("cases.intake", case_id=4, created=0.5)
    assert said == {
        "time": "1970-01-01T00:00:00.500+00:00", "level": "info", "event": "said",
        "logger": "cases.intake", "correlation_id": "c-1", "job_id": 7, "case_id": 4,
    }  # fmt: skip


def test_facts_are_masked_bounded_and_on_their_line() -> None:
    said = told("json", "cases.intake", path="/webhook/s3cr3t", reason="one\ntwo" + "x" * 5000)
    assert len(said.splitlines()) == 1
    assert len(said) < 500
    assert json.loads(said)["path"] == "/webhook/***"


def test_objects_are_no_facts() -> None:
    assert "Zilda" not in told("json", "cases.intake", request=object(), patient={"name": SOMEBODY})


@pytest.mark.parametrize("name", ["django.db", "axes", "raioxx", "root", "urllib3.connection"])
def test_what_libraries_put_into_their_messages_stays_out(name: str) -> None:
    said = fields(name, msg="Failure of %s: %r", args=(SOMEBODY, 3), who=SOMEBODY)
    assert said["event"] == "Failure of %s: %r"
    assert SOMEBODY not in json.dumps(said)


def test_a_refused_request_is_told_without_its_path() -> None:
    said = fields(
        "django.request", msg="%s: %s", args=("Not Found", f"/x/{SOMEBODY}"), status_code=404
    )
    assert said["event"] == "request refused"
    assert said["status"] == 404
    assert SOMEBODY not in json.dumps(said)


def test_a_job_is_told_without_its_arguments() -> None:
    token = secrets.token_hex()
    job = {
        "id": 9, "task_name": "cases.deliver", "attempts": 2,
        "task_kwargs": {"correlation_id": "c-9", "text": token},
    }  # fmt: skip
    said = fields("procrastinate.worker", msg=f"Job({token})", action="job_error", job=job)
    assert said["event"] == "job_error"
    assert said["job_id"] == 9
    assert said["correlation_id"] == "c-9"
    assert token not in json.dumps(said)


def test_an_exception_says_what_and_where_but_not_with_which_values() -> None:
    def fail(patient: str) -> None:
        try:
            int(patient)
        except ValueError as error:
            raise RuntimeError(patient) from error

    try:
        fail(SOMEBODY)
    except RuntimeError:
        said = fields("cases.analysis", sys.exc_info())
    outer, inner = said["exception"]
    assert (outer["type"], inner["type"]) == ("RuntimeError", "ValueError")
    assert outer["frames"][-1].startswith("tests/common/test_logs.py:")
    assert outer["frames"][-1].endswith(" fail")
    assert "Zilda" not in json.dumps(said)


@pytest.mark.django_db
def test_an_exception_of_the_database_names_the_rule_and_not_the_row() -> None:
    from django.contrib.auth.models import User
    from django.db import IntegrityError

    User.objects.create_user(SOMEBODY)
    with pytest.raises(IntegrityError) as refused:
        User.objects.create_user(SOMEBODY)
    assert SOMEBODY in str(refused.value)  # as PostgreSQL says it
    links = described(refused.value)
    assert links[-1]["sqlstate"] == "23505"
    assert links[-1]["constraint"]
    assert "Zilda" not in json.dumps(links)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AttributeError("no attribute 'x'"), "no attribute 'x'"),
        (psycopg.OperationalError("no connection\nmore"), "no connection"),
        (FileNotFoundError(2, "No such file", SOMEBODY), "No such file"),
        (KeyError(SOMEBODY), None),
    ],
)
def test_messages_about_code_and_system_are_kept(error: Exception, message: str | None) -> None:
    assert described(error)[0].get("message") == message


def test_a_line_for_people() -> None:
    with correlated("c-1"):
        said = told("line", "raiox.health", reason="one\ntwo\r\x1b\u2028é", ok=True)
    assert said.endswith(" INFO raiox.health [c-1] said reason=one\\ntwo\\r\\x1b\\u2028é ok=True")


def test_a_line_for_people_comes_before_the_traceback() -> None:
    said = told("line", "cases.analysis", raised(OSError(2, "No such file", SOMEBODY)), case_id=7)
    assert said.splitlines()[0].endswith("said case_id=7")
    assert said.splitlines()[-1] == "FileNotFoundError: No such file"
    assert "Zilda" not in said
