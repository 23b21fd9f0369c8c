"""Reads a request's body with a cap, and takes it apart into what a database can hold."""

import json
import math
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from webhooks.models import InboundEvent

_MAX_PARTS = 256
# Deeper than any answer of Jotform's, and far from where recursion over the content ends.
_MAX_DEPTH = 64
# Codecs that are known, and as quick as their input is long: punycode, for one, is not.
_CHARSETS = frozenset({"utf8", "utf-8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})
Kind = InboundEvent.Kind


class BodyTooLarge(Exception):
    """The body is larger than the cap."""


class MalformedBody(Exception):
    """The body is not what its content type says."""


@dataclass(frozen=True)
class Body:
    """A parsed body: its shape, the ids it names (empty when it names none) and its content."""

    kind: InboundEvent.Kind
    payload: dict[str, Any]
    form_id: str = ""
    submission_id: str = ""


def read_capped(request: HttpRequest, limit: int) -> bytes:
    """The body, `limit` bytes at most; raises `BodyTooLarge` unread where the length says so."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise BodyTooLarge
    # Django reads nothing of a chunked body; the server's own stream ends where the body ends.
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    stream = request.META["wsgi.input"] if chunked else request
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge
    return body


def parse_body(content_type: str, body: bytes) -> Body:
    """Tell the shape of `body` and take it apart; raises `MalformedBody` when it is broken."""
    media_type, options = parse_options_header(content_type)
    if not body.strip():
        return Body(Kind.OTHER, {})
    if media_type == "multipart/form-data":
        return _jotform(_multipart(body, options.get("boundary", "")))
    if media_type == "application/x-www-form-urlencoded":
        return _jotform(_urlencoded(body))
    if media_type == "application/json":
        return _from_json(_json(body))
    return Body(Kind.OTHER, {"content_type": storable(media_type)[:100]})


def _multipart(body: bytes, boundary: str) -> dict[str, str]:
    if not boundary:
        raise MalformedBody("no boundary")
    parts: dict[str, str] = {}
    try:
        # MultipartParser would make a file of each part; here a part is one piece of `body`.
        with PushMultipartParser(boundary, len(body), max_segment_count=_MAX_PARTS) as parser:
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    part, value = event, b""
                elif event is not None:
                    value += event
                elif not part.filename:
                    parts[part.name] = _decoded(value, part.charset or "utf-8")
    except (MultipartError, UnicodeDecodeError) as error:
        raise MalformedBody("broken multipart") from error
    return parts


def _decoded(value: bytes, charset: str) -> str:
    if charset.lower() not in _CHARSETS:
        raise MalformedBody("unknown charset")
    return value.decode(charset)


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        pairs = urllib.parse.parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MAX_PARTS
        )
    except ValueError as error:
        raise MalformedBody("broken form") from error
    return dict(pairs)


def _json(body: bytes | str) -> Any:
    try:
        content = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise MalformedBody("broken JSON") from error
    if is_too_deep(content):
        raise MalformedBody("JSON nested too deeply")
    return content


def is_too_deep(content: Any) -> bool:
    """Whether more than `_MAX_DEPTH` containers lie in one another; by levels, not by recursion."""
    level = [content]
    for _ in range(_MAX_DEPTH):
        level = [item for container in level for item in _items(container)]
    return any(isinstance(item, list | dict) for item in level)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number out of range")
    return number


def _jotform(parts: dict[str, str]) -> Body:
    """Jotform's own delivery; `rawRequest` is parsed here, once: None when there are no answers."""
    payload: dict[str, Any] = {
        k: v for k, v in parts.items() if k not in ("rawRequest", "webhookURL")
    }
    ids = _id(parts.get("formID")), _id(parts.get("submissionID"))
    try:
        payload["rawRequest"] = _json(parts.get("rawRequest") or "null")
    except MalformedBody:
        # The ids are enough: the answers can be had from the API, and a retry would bring the same.
        if not all(ids):
            raise
        payload["rawRequest"] = None
    kind = Kind.MULTIPART if all(ids) else Kind.OTHER
    return Body(kind, storable(payload), *ids)


def _from_json(content: Any) -> Body:
    if not isinstance(content, dict):
        return Body(Kind.OTHER, {"content": storable(content)})
    payload = storable({key: value for key, value in content.items() if key != "webhookURL"})
    form_id, submission_id = _id(content.get("formID")), _id(content.get("submissionID"))
    if submission_id and isinstance(content.get("answers"), dict):
        return Body(Kind.JSON, payload, form_id, submission_id)
    if isinstance(content.get("image_url"), str) and "submissionID" not in content:
        return Body(Kind.DIRECT, payload, form_id)
    return Body(Kind.OTHER, payload, form_id, submission_id)


def _id(value: Any) -> str:
    """An id of Jotform's (up to 19 digits today) as a string; empty when it is not one."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if text.isascii() and text.isdigit() and len(text) <= 32 else ""


def storable(value: Any) -> Any:
    """`value` without what PostgreSQL's jsonb refuses: NUL and lone surrogates."""
    if isinstance(value, str):
        if value.isascii() and "\x00" not in value:  # nearly every one, and signatures are long
            return value
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value
