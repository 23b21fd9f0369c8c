import json
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from raiox.common.http import Policy
from tests.common.loopback import Loopback, Script, answer, redirect, serve
from webhooks.client import JotformClient, client_from_settings
from webhooks.envelope import next_reset
from webhooks.errors import (
    JotformError,
    NotConfigured,
    NotFound,
    Permanent,
    QuotaExceeded,
    ReadOnlyKey,
    Transient,
    Unauthorized,
)
from webhooks.resources import JotformAnswer, JotformQuestion

SUBMISSION = {
    "id": "6200000000000000001",
    "form_id": "240000000000001",
    "ip": "203.0.113.9",
    "created_at": "2026-01-31 12:00:00",
    "status": "ACTIVE",
    "new": "1",
    "updated_at": None,
    "answers": {
        "3": {
            "name": "nome",
            "type": "control_fullname",
            "answer": {"first": "Ana", "last": "Dias"},
            "prettyFormat": "Ana Dias",
        },
        "5": {"name": "radiografia", "type": "control_fileupload", "answer": ["https://h/a.png"]},
        "7": {"name": "dente", "type": "control_textbox", "answer": 44},
        "9": {"name": "resultado", "type": "control_textarea"},
    },
}
READ = "/submission/6200000000000000001"
WEBHOOKS = "/form/1/webhooks"


@pytest.fixture
def jotform() -> Iterator[Loopback]:
    with serve() as loopback:
        yield loopback


@pytest.fixture
def client(jotform: Loopback) -> JotformClient:
    return client_for(jotform)


def client_for(jotform: Loopback, *, path: str = "", team: str = "", **rules: Any) -> JotformClient:
    policy = Policy(extra_origins=(jotform.origin,), **{"seconds": 5, **rules})
    key = secrets.token_hex(16)
    return JotformClient(key, policy, base_url=jotform.origin + path, team_id=team)


def envelope(
    content: object = "",
    *,
    code: object = 200,
    message: str = "success",
    status: int = 200,
    **h: str,
) -> bytes:
    fields = {"responseCode": code, "message": message, "content": content, "limit-left": 99}
    return answer(json.dumps(fields).encode(), status=status, **h)


def failing(client: JotformClient, jotform: Loopback, script: Script) -> JotformError:
    jotform.answers[READ] = script
    with pytest.raises(JotformError) as caught:
        client.get_submission("6200000000000000001")
    return caught.value


def test_get_submission_gives_its_answers_by_qid(client: JotformClient, jotform: Loopback) -> None:
    jotform.answers[READ] = envelope(SUBMISSION)
    found = client.get_submission("6200000000000000001")
    assert (found.id, found.form_id) == ("6200000000000000001", "240000000000001")
    assert (found.status, found.created_at, found.updated_at) == (
        "ACTIVE",
        "2026-01-31 12:00:00",
        "",
    )
    assert found.ip == "203.0.113.9"
    assert found.answers["3"].answer == {"first": "Ana", "last": "Dias"}
    assert found.answers["5"] == JotformAnswer(
        "5", "radiografia", "control_fileupload", ["https://h/a.png"]
    )
    assert found.answers["7"].answer == "44"
    assert found.answers["9"].answer is None


def test_get_submission_takes_answers_that_php_wrote_as_a_list(
    client: JotformClient, jotform: Loopback
) -> None:
    jotform.answers[READ] = envelope({**SUBMISSION, "answers": []})
    assert client.get_submission("6200000000000000001").answers == {}


def test_calls_carry_the_key_in_a_header_and_say_who_asks(jotform: Loopback) -> None:
    client = client_for(jotform, path="/api", team="42")
    jotform.answers[f"/api{READ}"] = envelope(SUBMISSION)
    client.get_submission("6200000000000000001")
    asked = jotform.asked[0]
    assert asked.headers["apikey"] == client.api_key
    assert asked.headers["jf-team-id"] == "42"
    assert asked.headers["user-agent"].startswith("Raiox/")
    assert client.api_key not in asked.path


def test_calls_without_a_team_send_no_team_header(client: JotformClient, jotform: Loopback) -> None:
    jotform.answers[READ] = envelope(SUBMISSION)
    client.get_submission("6200000000000000001")
    assert "jf-team-id" not in jotform.asked[0].headers


def test_update_answer_writes_one_field(client: JotformClient, jotform: Loopback) -> None:
    jotform.answers[READ] = envelope({"submissionID": "6200000000000000001"})
    text = "Implante: Straumann BLX\nConfiança: 92 % & mais"
    call = client.update_answer("6200000000000000001", "9", text)
    asked = jotform.asked[0]
    assert asked.method == "POST"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(asked.body.decode()) == [("submission[9]", text)]
    assert (call.method, call.path, call.status) == ("POST", READ, 200)
    assert 0 <= call.duration_ms < 5000
    assert json.loads(call.body) == {"responseCode": 200, "message": "success", "limit-left": 99}


def test_calls_are_recorded_without_what_patients_wrote(
    client: JotformClient, jotform: Loopback
) -> None:
    jotform.answers[READ] = envelope(SUBMISSION)
    client.get_submission("6200000000000000001")
    assert client.last_call is not None
    assert client.last_call.status == 200
    assert "Ana" not in client.last_call.body
    cut = json.dumps({"content": SUBMISSION})[:-3].encode()
    error = failing(client, jotform, answer(cut))
    assert error.call is not None
    assert "Ana" not in error.call.body


def test_get_questions_are_in_the_order_of_the_page(
    client: JotformClient, jotform: Loopback
) -> None:
    jotform.answers["/form/1/questions"] = envelope(
        {
            "9": {"qid": "9", "name": "r", "text": "Resultado", "type": "t", "order": "10"},
            "5": {"qid": "5", "name": "x", "text": "Raio-X", "type": "t", "order": "2"},
        }
    )
    assert client.get_questions("1") == [
        JotformQuestion("5", "x", "Raio-X", "t", 2),
        JotformQuestion("9", "r", "Resultado", "t", 10),
    ]


@pytest.mark.parametrize(
    ("content", "webhooks"),
    [
        ({"0": "https://a/x", "3": "https://b/y"}, {"0": "https://a/x", "3": "https://b/y"}),
        (["https://a/x", "https://b/y"], {"0": "https://a/x", "1": "https://b/y"}),
        ([], {}),
    ],
)
def test_list_webhooks_by_index(
    client: JotformClient, jotform: Loopback, content: object, webhooks: dict[str, str]
) -> None:
    jotform.answers[WEBHOOKS] = envelope(content)
    assert client.list_webhooks("1") == webhooks


def test_add_webhook_registers_it_once(client: JotformClient, jotform: Loopback) -> None:
    jotform.queue += [envelope([]), envelope(["https://a/x y"]), envelope(["https://a/x y"])]
    assert client.add_webhook("1", "https://a/x y")
    assert not client.add_webhook("1", "https://a/x y")
    assert [asked.method for asked in jotform.asked] == ["GET", "POST", "GET"]
    assert parse_qsl(jotform.asked[1].body.decode()) == [("webhookURL", "https://a/x y")]


def test_delete_webhook_finds_it_by_value_and_goes_from_the_end(
    client: JotformClient, jotform: Loopback
) -> None:
    known = {str(n): "https://other/" for n in range(9)} | {"2": "https://a/x", "10": "https://a/x"}
    jotform.queue += [envelope(known), envelope(), envelope()]
    assert client.delete_webhook("1", "https://a/x")
    assert [(asked.method, asked.path) for asked in jotform.asked[1:]] == [
        ("DELETE", f"{WEBHOOKS}/10"),
        ("DELETE", f"{WEBHOOKS}/2"),
    ]


def test_delete_webhook_leaves_those_of_others(client: JotformClient, jotform: Loopback) -> None:
    jotform.answers[WEBHOOKS] = envelope(["https://a/xy"])
    assert not client.delete_webhook("1", "https://a/x")
    assert len(jotform.asked) == 1


def test_webhook_addresses_are_hidden_from_errors_and_records(
    client: JotformClient, jotform: Loopback
) -> None:
    token = secrets.token_urlsafe(24)
    url = f"https://raiox.example/webhook/{token}"
    jotform.queue += [envelope([]), envelope(code=400, status=400, message=f"{url} is refused")]
    with pytest.raises(Permanent) as caught:
        client.add_webhook("1", url)
    assert "is refused" in str(caught.value)
    assert token not in f"{caught.value!r} {caught.value.call!r}"


def test_list_submissions_goes_through_the_pages(client: JotformClient, jotform: Loopback) -> None:
    def rows(*numbers: int) -> list[dict[str, object]]:
        return [{**SUBMISSION, "id": str(number)} for number in numbers]

    jotform.queue += [envelope(rows(*range(200))), envelope(rows(199, 200))]
    after = datetime(2026, 1, 31, 15, 30, tzinfo=UTC)
    found = list(client.list_submissions("1", created_after=after))
    assert [submission.id for submission in found] == [str(number) for number in range(201)]
    queries = [parse_qs(urlsplit(asked.path).query) for asked in jotform.asked]
    assert [query["offset"] for query in queries] == [["0"], ["200"]]
    assert queries[0]["limit"] == ["200"]
    assert client.last_call is not None
    assert client.last_call.path == "/form/1/submissions"
    assert queries[0]["orderby"] == ["created_at"]
    assert json.loads(queries[0]["filter"][0]) == {"created_at:gt": "2026-01-31 03:30:00"}


def test_list_submissions_ends_when_a_server_repeats_its_page(
    client: JotformClient, jotform: Loopback
) -> None:
    page = envelope([{**SUBMISSION, "id": str(number)} for number in range(200)])
    jotform.answers["/form/1/submissions"] = page
    after = datetime(2026, 1, 31, tzinfo=UTC)
    assert len(list(client.list_submissions("1", created_after=after))) == 200


NESTED: Any = json.loads("[" * 500 + "]" * 500)


def close(connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")


@pytest.mark.parametrize(
    "script",
    [
        answer(b"<html>", status=500),
        envelope(code=503, message="busy", status=503),
        envelope(code=500, message="busy"),
        envelope(code="x"),
        answer(status=408),
        answer(b"<!doctype html><h1>Be right back</h1>"),
        answer(b'{"responseCode":200,"mess'),
        answer(b"[1]"),
        answer(b'{"content": {}}'),
        answer(b""),
        answer(b"\xff\xfe"),
        answer(b"[" * 100_000),
        envelope({**SUBMISSION, "answers": {"3": {"answer": NESTED}}}),
        envelope(""),
        envelope({}),
        envelope({**SUBMISSION, "answers": "x"}),
        envelope({**SUBMISSION, "answers": {"3": "x"}}),
        b"",
        b"garbage\r\n\r\n",
        close,
    ],
)
def test_calls_that_fail_for_now_are_transient(
    client: JotformClient, jotform: Loopback, script: Script
) -> None:
    error = failing(client, jotform, script)
    assert isinstance(error, Transient)
    assert error.call is not None
    assert (error.call.method, error.call.path) == ("GET", READ)


def test_calls_have_a_deadline(jotform: Loopback) -> None:
    started = time.monotonic()
    error = failing(client_for(jotform, seconds=0.2), jotform, lambda _: time.sleep(0.8))
    assert time.monotonic() - started < 0.7
    assert isinstance(error, Transient)
    assert error.call is not None
    assert (error.call.status, error.call.body) == (None, "")
    assert 150 <= error.call.duration_ms < 700


def test_calls_have_a_cap_on_the_answer(jotform: Loopback) -> None:
    error = failing(client_for(jotform, max_bytes=100), jotform, answer(b"x" * 200))
    assert isinstance(error, Permanent)


def test_calls_to_a_server_that_is_down_are_transient(jotform: Loopback) -> None:
    with serve() as gone:
        client = client_for(gone)
    with pytest.raises(Transient):
        client.get_submission("1")


@pytest.mark.parametrize("inside", [False, True], ids=["status", "inside 200"])
def test_calls_refused_with_401_say_what_it_may_mean(
    client: JotformClient, jotform: Loopback, inside: bool
) -> None:
    script = envelope(code=401, message="not authorized", status=200 if inside else 401)
    error = failing(client, jotform, script)
    assert type(error) is Unauthorized
    assert "key is wrong" in str(error)
    assert "another account" in str(error)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (answer(b"<html>", status=404), NotFound),
        (envelope(code=404), NotFound),
        (envelope(code=403, message="Forbidden", status=403), Unauthorized),
        (answer(b"<html>Forbidden</html>", status=403), Unauthorized),
        (envelope(code=400, message="limit is not a number", status=400), Permanent),
        (envelope(code=400, message="bad request"), Permanent),
        (redirect("https://eu-api.jotform.com/x"), Permanent),
        (envelope(code=301, message="use eu-api"), Permanent),
    ],
)
def test_calls_refused_for_good(
    client: JotformClient, jotform: Loopback, script: bytes, kind: type[JotformError]
) -> None:
    assert type(failing(client, jotform, script)) is kind
    assert len(jotform.asked) == 1


@pytest.mark.parametrize(
    "script",
    [
        answer(b"", status=429),
        envelope(code=429, message="Too Many Requests", status=429),
        envelope(code=403, message="API-Limit exceeded", status=403),
        answer(b"<html>rate limit reached</html>", status=403),
        envelope(code=429, message="API-Limit exceeded"),
        envelope(code=403, message="You have reached your daily limit"),
        envelope(code=400, message="API limit exceeded"),
    ],
)
def test_calls_over_the_quota_wait_for_midnight_in_the_eastern_us(
    client: JotformClient, jotform: Loopback, script: bytes
) -> None:
    before = datetime.now(UTC)
    error = failing(client, jotform, script)
    assert isinstance(error, QuotaExceeded)
    assert error.retry_at in (next_reset(before), next_reset(datetime.now(UTC)))


def test_quota_that_names_its_seconds_is_believed(client: JotformClient, jotform: Loopback) -> None:
    before = datetime.now(UTC)
    error = failing(client, jotform, answer(status=429, Retry_After="3"))
    assert isinstance(error, QuotaExceeded)
    assert 0 < (error.retry_at - before).total_seconds() < 10


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        (datetime(2026, 1, 10, 4, 59, tzinfo=UTC), datetime(2026, 1, 10, 5, tzinfo=UTC)),
        (datetime(2026, 1, 10, 5, 0, tzinfo=UTC), datetime(2026, 1, 11, 5, tzinfo=UTC)),
        (datetime(2026, 7, 10, 12, 0, tzinfo=UTC), datetime(2026, 7, 11, 4, tzinfo=UTC)),
        (datetime(2026, 3, 8, 6, 0, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC)),
        (datetime(2026, 11, 1, 5, 0, tzinfo=UTC), datetime(2026, 11, 2, 5, tzinfo=UTC)),
    ],
)
def test_next_reset_follows_daylight_saving(now: datetime, reset: datetime) -> None:
    assert next_reset(now) == reset


@pytest.mark.parametrize("inside", [False, True], ids=["status", "inside 200"])
def test_write_refused_where_reading_works_means_a_read_only_key(
    client: JotformClient, jotform: Loopback, inside: bool
) -> None:
    refusal = envelope(code=401, message="not authorized", status=200 if inside else 401)
    jotform.queue += [refusal, envelope(SUBMISSION)]
    with pytest.raises(ReadOnlyKey) as caught:
        client.update_answer("6200000000000000001", "9", "x")
    assert caught.value.call is not None
    assert caught.value.call.method == "POST"
    assert [asked.method for asked in jotform.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    "second", [envelope(code=401, status=401), answer(status=500), b""], ids=["401", "500", "none"]
)
def test_write_refused_where_reading_fails_too_stays_unauthorized(
    client: JotformClient, jotform: Loopback, second: bytes
) -> None:
    jotform.queue += [envelope(code=401, status=401), second]
    with pytest.raises(Unauthorized) as caught:
        client.update_answer("6200000000000000001", "9", "x")
    assert type(caught.value) is Unauthorized


def test_write_is_not_repeated_when_the_answer_is_lost(
    client: JotformClient, jotform: Loopback
) -> None:
    jotform.answers[READ] = b""
    with pytest.raises(Transient):
        client.update_answer("6200000000000000001", "9", "x")
    assert len(jotform.asked) == 1


@pytest.mark.parametrize(
    "script",
    [
        answer(b'{"responseCode": 500, "message": "a\\ud800b\\u0000c"}'),
        answer(b"<html>a\0b\xff</html>", status=500),
    ],
)
def test_records_can_be_stored_whatever_the_answer_was(
    client: JotformClient, jotform: Loopback, script: bytes
) -> None:
    error = failing(client, jotform, script)
    assert error.call is not None
    for text in (str(error), error.call.body):
        assert "\0" not in text
        assert text.encode()


def test_key_appears_nowhere(
    client: JotformClient, jotform: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    key = client.api_key
    echoes: list[Script] = [
        envelope(code=401, message=f"key {key}", status=401),
        answer(f"<html>{key}</html>".encode(), status=403),
        answer(f"{key} broken".encode()),
        redirect(f"https://evil.example/?apiKey={key}"),
        b"HTTP/1.1 200 OK\r\nbroken " + key.encode(),
    ]
    errors = [failing(client, jotform, echo) for echo in echoes]
    shown = [f"{e!r} {e.call!r} {e.__cause__!r}" for e in errors] + [repr(client), caplog.text]
    assert not any(key in text for text in shown)
    assert {record.message for record in caplog.records} == {"jotform_call"}


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_submission("../user"),
        lambda client: client.get_submission("direct-00ff"),
        lambda client: client.update_answer("1", "9][first", "x"),
        lambda client: client.get_questions("1/../2"),
        lambda client: client.list_webhooks("1?x"),
        lambda client: client.get_submission(""),
        lambda client: client.get_submission("\u0661"),
    ],
)
def test_calls_refuse_what_is_no_id(
    client: JotformClient, jotform: Loopback, call: Callable[[JotformClient], object]
) -> None:
    with pytest.raises(Permanent) as caught:
        call(client)
    assert caught.value.call is None
    assert jotform.asked == []


@pytest.mark.parametrize(
    "bad", ["", "short", "with space in it", "line\nend-of-the-key", "chave-é-assim"]
)
def test_client_refuses_what_is_no_key(bad: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        JotformClient(bad, Policy())
    assert not bad or bad not in str(caught.value)


def test_client_from_settings_goes_to_the_configured_address(
    settings: Any, jotform: Loopback
) -> None:
    settings.JOTFORM_API_KEY = secrets.token_hex(16)
    settings.JOTFORM_API_URL = f"{jotform.origin}/api/"
    settings.JOTFORM_TEAM_ID = "7"
    settings.DOWNLOAD_EXTRA_ORIGINS = [jotform.origin]
    jotform.answers[f"/api{READ}"] = envelope(SUBMISSION)
    assert client_from_settings().get_submission("6200000000000000001").status == "ACTIVE"
    assert jotform.asked[0].headers["jf-team-id"] == "7"


def test_client_from_settings_goes_nowhere_else(settings: Any, jotform: Loopback) -> None:
    settings.JOTFORM_API_KEY = secrets.token_hex(16)
    settings.JOTFORM_API_URL = jotform.origin
    settings.DOWNLOAD_EXTRA_ORIGINS = []
    with pytest.raises(Permanent, match="only https"):
        client_from_settings().get_submission("1")
    assert jotform.asked == []


def test_client_from_settings_without_a_key(settings: Any) -> None:
    settings.JOTFORM_API_KEY = ""
    with pytest.raises(NotConfigured):
        client_from_settings()


@pytest.mark.parametrize(("silence", "seconds"), [(8.0, 6.0), (30.0, 22.5), (300.0, 30.0)])
def test_no_request_of_a_process_that_is_taken_for_dead_goes_out(
    settings: Any, silence: float, seconds: float
) -> None:
    settings.WORKER_STALLED_SECONDS, settings.JOTFORM_API_KEY = silence, secrets.token_hex(8)
    assert client_from_settings().policy.seconds == seconds
