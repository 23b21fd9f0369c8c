"""Bodies of webhooks as no client of ours writes them, and what must hold for each of them."""

import json
import time
from typing import Any, Final

from hypothesis import strategies as st

from webhooks.body import Body, MalformedBody, parse_body
from webhooks.envelope import Envelope
from webhooks.errors import Call, JotformError
from webhooks.models import InboundEvent, JotformForm
from webhooks.submission import AnswersMissing, from_answers, from_event

SECONDS: Final = 2.0
_FORM: Final = JotformForm(
    form_id="24", qid_dentist="3", qid_email="4", qid_images="5", qid_patient="6",
    qid_tooth="7", qid_result="9",
)  # fmt: skip
_CALL: Final = Call("GET", "/submission/62", 200, 1, "")


def take(content_type: str, raw: bytes) -> str:
    """A body on its way into a submission; the outcome in a word. Anything not typed gets out."""
    started = time.process_time()
    try:
        outcome = _kept(parse_body(content_type, raw))
    except MalformedBody:
        outcome = "malformed"
    assert time.process_time() - started < SECONDS
    return outcome


def _kept(body: Body) -> str:
    stored = json.dumps(body.payload, allow_nan=False)
    assert "\\u0000" not in stored.replace("\\\\", "")
    event = InboundEvent(
        kind=body.kind,
        form_id=body.form_id,
        submission_id=body.submission_id,
        payload=json.loads(stored),
    )
    stored.encode()
    if body.kind == InboundEvent.Kind.OTHER:
        return "other"
    try:
        submission = from_event(event, _FORM, must_have_images=True)
    except AnswersMissing:
        return "answers missing"
    assert len(submission.digest) == 64
    assert all(len(text) <= 254 for text in submission.fields.values())
    return str(body.kind.value)


def take_answer(status: int, raw: bytes) -> str:
    """An answer of Jotform's API on its way into a submission: read, or the typed refusal."""
    started = time.process_time()
    envelope = Envelope(status, {}, raw, ("geheim",))
    assert len(envelope.excerpt) <= 500
    try:
        content = envelope.content(_CALL)
        answers = content.get("answers") if isinstance(content, dict) else None
        from_answers(answers if isinstance(answers, dict) else {}, _FORM, "62")
        outcome = "read"
    except JotformError as error:
        outcome = type(error).__name__
    assert time.process_time() - started < SECONDS
    return outcome


_odd_text = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["\x00", "\ud800", "\udfff\ud800", "﷽" * 40, "٣", "²", "9" * 32, "9" * 33, "-1", "\r\n"]
    ),
    st.sampled_from(["https://www.jotform.com/uploads/a b.png", "https://[::1", "a://\\@", "://"]),
)
_odd_number = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**4000, -(10**300), 1e308, -0.0, 5e-324, 2**63, True]),
)
_names = st.sampled_from(
    ["formID", "submissionID", "rawRequest", "webhookURL", "answers", "image_url", "client_id",
     "q3_nome", "q5_radiografia", "radiografia", "temp_upload", "q_", "q²_x", "first", "5", ""]
)  # fmt: skip
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), _odd_number, _odd_text),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(_names, _odd_text), inner, max_size=6),
    ),
    max_leaves=25,
)


@st.composite
def _json_text(draw: Any) -> bytes:
    """JSON, and what only looks like it: nested for ever, written in other encodings, cut."""
    text = json.dumps(draw(json_values), ensure_ascii=draw(st.booleans()))
    depth = draw(st.sampled_from([0, 0, 0, 30, 62, 64, 65, 400, 700, 990, 5000, 100_000]))
    text = '{"a":[' * depth + text + "]}" * depth
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-32", "utf-8-sig"]))
    return _mangled(draw, text.encode(encoding, "surrogatepass"))


def _mangled(draw: Any, raw: bytes) -> bytes:
    """As it is, cut, with a piece changed, or with a piece twice."""
    how = draw(st.sampled_from(["whole", "whole", "whole", "cut", "changed", "twice"]))
    at = draw(st.integers(0, len(raw)))
    if how == "cut":
        return raw[:at]
    if how == "changed":
        return raw[:at] + draw(st.binary(max_size=8)) + raw[at + draw(st.integers(0, 8)) :]
    return raw[:at] + raw[max(0, at - 60) :] if how == "twice" else raw


_CHARSETS: Final = ["utf-8", "UTF8", "latin-1", "iso-8859-1", "foo", "hex", "punycode", "idna",
                    "utf-7", "unicode_escape", "utf-16", "rot13", "a\0b", ""]  # fmt: skip


@st.composite
def _multipart(draw: Any) -> tuple[str, bytes]:
    """Parts with doubled names, odd charsets, files among them, and a boundary that may not fit."""
    boundary = draw(st.sampled_from([b"b", b"--", b"b b", b"x" * 70, b"x" * 5000, b'"', b"\xe9"]))
    pieces = []
    for _ in range(draw(st.sampled_from([0, 1, 2, 3, 6, 300]))):
        name = draw(st.one_of(_names, _odd_text)).encode("utf-8", "surrogatepass")
        extra = draw(st.sampled_from([b"", b'; filename="x"', b"; filename=", b"; name*=utf-8''x"]))
        charset = draw(st.sampled_from(_CHARSETS)).encode()
        kind = draw(st.sampled_from([b"", b"\r\nContent-Type: text/plain; charset=" + charset]))
        value = draw(st.one_of(_json_text(), st.binary(max_size=50), st.just(b"62")))
        head = b'Content-Disposition: form-data; name="' + name + b'"' + extra + kind
        pieces.append(b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + value + b"\r\n")
    body = _mangled(draw, b"".join(pieces) + b"--" + boundary + b"--\r\n")
    said = draw(st.sampled_from([boundary, boundary, boundary, b"other", b""]))
    quoted = draw(st.sampled_from([b"", b'"']))
    return f"multipart/form-data; boundary={(quoted + said + quoted).decode('latin-1')}", body


@st.composite
def _urlencoded(draw: Any) -> tuple[str, bytes]:
    pairs = draw(st.lists(st.tuples(_names, _json_text()), max_size=5))
    body = b"&".join(name.encode() + b"=" + value for name, value in pairs)
    return "application/x-www-form-urlencoded", _mangled(draw, body)


bodies = st.one_of(
    _multipart(),
    _urlencoded(),
    st.tuples(st.just("application/json; charset=utf-16"), _json_text()),
    st.tuples(st.text(st.characters(max_codepoint=255), max_size=60), st.binary(max_size=200)),
)


@st.composite
def answers(draw: Any) -> tuple[int, bytes]:
    """Envelopes and garbage, as an API that failed may send them."""
    status = draw(st.sampled_from([200, 200, 200, 201, 301, 401, 403, 404, 429, 500]))
    fields = draw(st.dictionaries(_names, json_values, max_size=3))
    fields |= draw(
        st.fixed_dictionaries(
            {
                "responseCode": st.sampled_from([200, "200", "٢٠٠", 10**400, None, [], "9" * 5000]),
                "message": json_values,
                "content": st.fixed_dictionaries({"answers": json_values}),
            }
        )
    )
    depth = draw(st.sampled_from([0, 0, 0, 30, 60, 300, 470]))
    plain = json.dumps(fields["content"]["answers"])
    deep = '{"6":[' * depth + plain + "]}" * depth
    text = json.dumps(fields).replace(f'"answers": {plain}', f'"answers": {deep}')
    return status, _mangled(draw, text.encode())
