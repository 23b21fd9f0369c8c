"""Taking a body apart: every shape that Jotform, older clients and strangers send."""

import json

import pytest

from webhooks.body import MalformedBody, parse_body
from webhooks.models import InboundEvent

Kind = InboundEvent.Kind


def multipart(**parts: str) -> tuple[str, bytes]:
    """A body as Jotform sends it: text parts only."""
    lines = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )
    return "multipart/form-data; boundary=b", f"{lines}--b--\r\n".encode()


def test_parse_body_reads_a_multipart_delivery() -> None:
    raw = json.dumps({"q3_nome": {"first": "Ana"}})
    body = parse_body(*multipart(formID="24", submissionID="62", rawRequest=raw, ip="203.0.113.9"))
    assert (body.kind, body.form_id, body.submission_id) == (Kind.MULTIPART, "24", "62")
    assert body.payload["rawRequest"] == {"q3_nome": {"first": "Ana"}}
    assert body.payload["ip"] == "203.0.113.9"


def test_parse_body_drops_the_webhook_address_with_its_secret() -> None:
    body = parse_body(
        *multipart(formID="24", submissionID="62", rawRequest="{}", webhookURL="https://x/secret")
    )
    assert "secret" not in json.dumps(body.payload)


def test_parse_body_keeps_a_delivery_whose_raw_request_is_broken() -> None:
    body = parse_body(*multipart(formID="24", submissionID="62", rawRequest='{"q3":'))
    assert body.kind == Kind.MULTIPART
    assert body.payload["rawRequest"] is None


@pytest.mark.parametrize("parts", [{}, {"rawRequest": ""}])
def test_parse_body_tells_no_answers_from_empty_ones(parts: dict[str, str]) -> None:
    body = parse_body(*multipart(formID="24", submissionID="62", **parts))
    assert (body.kind, body.payload["rawRequest"]) == (Kind.MULTIPART, None)
    body = parse_body(*multipart(formID="24", submissionID="62", rawRequest="{}"))
    assert body.payload["rawRequest"] == {}


def nested(depth: int) -> bytes:
    """`depth` containers in one another, objects and lists by turns."""
    pairs, rest = divmod(depth, 2)
    return b'{"a":[' * pairs + b"{}" * rest + b"]}" * pairs


def test_parse_body_takes_64_levels() -> None:
    body = parse_body("application/json", nested(64))
    assert json.dumps(body.payload).encode().replace(b" ", b"") == nested(64)


@pytest.mark.parametrize("depth", [65, 600, 900])
def test_parse_body_refuses_what_is_nested_too_deeply(depth: int) -> None:
    with pytest.raises(MalformedBody, match="nested"):
        parse_body("application/json", nested(depth))
    with pytest.raises(MalformedBody, match="nested"):
        parse_body(*multipart(rawRequest=nested(depth).decode()))


def test_parse_body_keeps_a_delivery_whose_raw_request_is_nested_too_deeply() -> None:
    raw = nested(600).decode()
    body = parse_body(*multipart(formID="24", submissionID="62", rawRequest=raw))
    assert (body.kind, body.payload["rawRequest"]) == (Kind.MULTIPART, None)


def test_parse_body_refuses_a_broken_raw_request_without_ids() -> None:
    with pytest.raises(MalformedBody):
        parse_body(*multipart(rawRequest='{"q3":'))


def test_parse_body_reads_large_signatures() -> None:
    signature = "data:image/png;base64," + "A" * 3_000_000
    raw = json.dumps({"q8_assinatura": signature})
    body = parse_body(*multipart(formID="24", submissionID="62", rawRequest=raw))
    assert body.payload["rawRequest"]["q8_assinatura"] == signature


def test_parse_body_reads_the_json_form() -> None:
    content = {"submissionID": "1", "formID": "2", "answers": {"3": {"answer": "https://x/y"}}}
    body = parse_body("application/json", json.dumps(content).encode())
    assert (body.kind, body.form_id, body.submission_id) == (Kind.JSON, "2", "1")


def test_parse_body_reads_the_direct_form() -> None:
    content = {"image_url": "https://x/y.jpg", "client_id": "c", "metadata": {}}
    body = parse_body("application/json", json.dumps(content).encode())
    assert (body.kind, body.form_id, body.submission_id) == (Kind.DIRECT, "", "")


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("application/json", b"{"),
        ("application/json", b'{"a": NaN}'),
        ("application/json", b'{"a": 1e999}'),
        ("application/json", b"[" * 200_000),
        ("application/json", b"\xff\xfe"),
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"no boundary in here"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n'),
    ],
)
def test_parse_body_refuses_what_is_broken(content_type: str, raw: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_body(content_type, raw)


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("application/json", b""),
        ("", b""),
        ("text/plain", b"hello"),
        ("application/json", b"[1, 2]"),
        ("application/json", b'{"hello": 1}'),
        ("application/json", b'{"submissionID": "../etc", "answers": {}}'),
        ("application/x-www-form-urlencoded", b"a=b"),
        multipart(formID="not digits", submissionID="62", rawRequest="{}"),
    ],
)
def test_parse_body_takes_unknown_shapes_as_such(content_type: str, raw: bytes) -> None:
    assert parse_body(content_type, raw).kind == Kind.OTHER


def test_parse_body_removes_what_the_database_refuses() -> None:
    raw = b'{"image_url": "a\\u0000b", "metadata": ["\\ud800"]}'
    body = parse_body("application/json", raw)
    assert body.payload == {"image_url": "ab", "metadata": ["?"]}


def with_charset(charset: str, value: bytes) -> bytes:
    head = (
        f'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset={charset}'
    )
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n--b--\r\n"


@pytest.mark.parametrize("charset", ["foo", "hex", "a\0b", "punycode", "idna", "unicode_escape"])
def test_parse_body_refuses_a_part_in_a_charset_that_forms_do_not_use(charset: str) -> None:
    with pytest.raises(MalformedBody, match="charset"):
        parse_body("multipart/form-data; boundary=b", with_charset(charset, b"x"))


@pytest.mark.parametrize(
    ("charset", "value"),
    [("utf-8", "São".encode()), ("UTF8", "São".encode()), ("ISO-8859-1", "São".encode("latin-1"))],
)
def test_parse_body_reads_the_charsets_of_forms(charset: str, value: bytes) -> None:
    body = parse_body("multipart/form-data; boundary=b", with_charset(charset, value))
    assert body.payload["a"] == "São"
