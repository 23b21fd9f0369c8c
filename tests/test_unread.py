"""What a request brought and nobody read: taken in from our own proxies, and from nobody else."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest

from raiox.unread import read_to_the_end


def refusing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """An application that answers without a look at the body."""
    return [b"no"]


@pytest.mark.parametrize(
    ("remote", "forwarded", "left"),
    [
        ("127.0.0.1", "203.0.113.9", b""),
        ("198.51.100.7", "203.0.113.9", b"body"),
        ("198.51.100.7", "127.0.0.1", b"body"),
        ("198.51.100.7", "", b"body"),
        ("", "127.0.0.1", b"body"),
    ],
)
def test_only_what_a_proxy_of_ours_sends_is_read(
    settings: Any, remote: str, forwarded: str, left: bytes
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    environ = {"REMOTE_ADDR": remote, "wsgi.input": BytesIO(b"body")}
    if forwarded:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    assert read_to_the_end(refusing)(environ, None) == [b"no"]
    assert environ["wsgi.input"].read() == left  # type: ignore[attr-defined]
