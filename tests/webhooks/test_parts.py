"""Multipart bodies, sound and broken: the parts are those that the library itself would gather."""

from collections import Counter
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multipart import MultipartError, MultipartParser

from webhooks.body import _CHARSETS, MalformedBody, _multipart

_FIELD = b"Content-Disposition: form-data; name="
_NAMED = _FIELD + b'"a"'
_ORDINARY = [
    _NAMED, _FIELD + b'"b"', _FIELD + b'""', _FIELD + b"a", _FIELD + '"ã%22"'.encode(),
    _NAMED + b'; filename="x"', _NAMED + b'; filename=""', _NAMED + b"\r\nContent-Type: text/plain",
    _NAMED + b"\r\nContent-Type: x; charset=UTF-8", _NAMED + 7 * b"\r\nX: y",
    _NAMED + b"\r\ncontent-type: x; charset=iso-8859-1", _NAMED + b"\r\nContent-Length: 2",
]  # fmt: skip
_ODD = [
    b"", b"broken", b"Content-Type: x", b"Content-Disposition: attachment", b"\r\n" + _NAMED,
    _NAMED[:-1], _NAMED + b"\r\n continued", _NAMED + b"\nX: y", _FIELD + b'"\xff"',
    _NAMED + b"\r\nContent-Type: x; charset=hex", _NAMED + b"\r\nContent-Length: 1",
    _NAMED + 8 * b"\r\nX: y", _NAMED + b"\r\nX: " + 4300 * b"y",
]  # fmt: skip
_VALUES = [b"", b"1", "São".encode(), b"\r\n", b"\r\n--", b"--b", b"\n--b\n", b"\xff"]
_parts = st.tuples(st.sampled_from(_ORDINARY), st.sampled_from(_VALUES[:-1]))
_any_parts = st.tuples(st.sampled_from(_ORDINARY + _ODD), st.sampled_from(_VALUES))
_starts = st.sampled_from([b"", b"", b"", b"\r\n", b"before\r\n", b"x"])
_ends = st.sampled_from([b"--b--", b"--b--\r\n", b"--b--\r\nafter", b"--b\r\n", b"--bx", b""])
_lengths = st.sampled_from([None, None, None, 9, 60, 130])


def _body(parts: list[tuple[bytes, bytes]], start: bytes = b"", end: bytes = b"--b--") -> bytes:
    return start + b"".join(b"--b\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + end


def _gathered(raw: bytes) -> dict[str, str] | None:
    """The parts as the library's high-level parser makes them; None where it is not content."""
    limits = {"part_limit": 256, "spool_limit": len(raw) + 1, "memory_limit": len(raw) + 1}
    gathered = {}
    try:
        for part in MultipartParser(BytesIO(raw), "b", len(raw), **limits):
            if not part.filename and part.charset.lower() not in _CHARSETS:
                return None
            if not part.filename:
                gathered[part.name] = part.value
    except (MultipartError, UnicodeDecodeError):
        return None
    return gathered


def _ours(raw: bytes) -> dict[str, str] | None:
    try:
        return _multipart(raw, "b")
    except MalformedBody:
        return None


def test_parts_are_those_of_the_high_level_parser() -> None:
    outcomes: Counter[bool] = Counter()

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(
        st.one_of(
            st.builds(_body, st.lists(_parts, min_size=1, max_size=4)),
            st.builds(_body, st.lists(_any_parts, max_size=3), _starts, _ends),
        ),
        _lengths,
    )
    def compare(whole: bytes, length: int | None) -> None:
        raw = whole[:length]
        ours, theirs = _ours(raw), _gathered(raw)
        assert ours == theirs
        assert list(ours or ()) == list(theirs or ())
        outcomes[bool(ours)] += 1

    compare()
    assert min(outcomes[True], outcomes[False]) > 50, outcomes


def test_of_a_doubled_name_the_last_part_counts() -> None:
    assert _multipart(_body([(_NAMED, b"1"), (_NAMED, b"2")]), "b") == {"a": "2"}


def test_what_a_file_holds_is_not_read() -> None:
    assert _multipart(_body([(_NAMED + b'; filename="x.png"', b"\xff")]), "b") == {}


def test_256_parts_are_taken_and_no_more() -> None:
    assert _multipart(_body([(_NAMED, b"1")] * 256), "b") == {"a": "1"}
    with pytest.raises(MalformedBody):
        _multipart(_body([(_NAMED, b"1")] * 257), "b")


def test_each_head_is_taken_or_refused_as_by_the_high_level_parser() -> None:
    for head in _ORDINARY + _ODD:
        raw = _body([(head, b"22")])
        assert _ours(raw) == _gathered(raw), head
        assert head in _ODD or _ours(raw) is not None, head
