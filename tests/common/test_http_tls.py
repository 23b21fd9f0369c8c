"""The connection goes to a checked address, but the certificate must be of the name."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from raiox.common.http import DownloadFailed, Policy, TooLarge, fetch
from tests.common.certificates import certificate
from tests.common.loopback import Loopback, answer, serve
from tests.common.test_http_addresses import resolver_giving

NAME = "files.example.com"


@contextmanager
def tls_server(folder: Path, name: str) -> Iterator[Loopback]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder, name))
    with serve(context) as server:
        yield server


def policy_for(folder: Path, port: int, **more: Any) -> Policy:
    """Trusts the folder's certificate and nothing else."""
    return Policy(
        extra_origins=(f"https://{NAME}:{port}",),
        ssl_context=ssl.create_default_context(cafile=folder / "cert.pem"),
        **more,
    )


def test_fetch_verifies_the_name_at_the_pinned_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path, NAME) as server:
        server.answers["/a"] = answer(b"secure")
        asked = resolver_giving(monkeypatch, [("127.0.0.1", server.port)])
        url = f"https://{NAME}:{server.port}/a"
        fetched = fetch(url, policy=policy_for(tmp_path, server.port))
    assert fetched.data == b"secure"
    assert asked == [NAME]


def test_fetch_refuses_a_trusted_certificate_of_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path, "other.example.com") as server:
        resolver_giving(monkeypatch, [("127.0.0.1", server.port)])
        with pytest.raises(DownloadFailed, match="certificate") as caught:
            url = f"https://{NAME}:{server.port}/a"
            fetch(url, policy=policy_for(tmp_path, server.port))
    assert not caught.value.transient
    assert server.asked == []


def test_fetch_refuses_a_certificate_the_system_does_not_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path, NAME) as server:
        resolver_giving(monkeypatch, [("127.0.0.1", server.port)])
        origin = f"https://{NAME}:{server.port}"
        with pytest.raises(DownloadFailed, match="certificate"):
            fetch(f"{origin}/a", policy=Policy(extra_origins=(origin,)))
    assert server.asked == []


def test_fetch_keeps_cap_and_deadline_over_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path, NAME) as server:
        resolver_giving(monkeypatch, [("127.0.0.1", server.port)])
        url = f"https://{NAME}:{server.port}/a"
        server.queue = [
            b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000,
            lambda connection: time.sleep(0.6),
        ]
        with pytest.raises(TooLarge):
            fetch(url, policy=policy_for(tmp_path, server.port, max_bytes=1000))
        with pytest.raises(DownloadFailed) as caught:
            fetch(url, policy=policy_for(tmp_path, server.port, seconds=0.3))
    assert caught.value.transient


def test_fetch_keeps_its_deadline_during_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        resolver_giving(monkeypatch, [("127.0.0.1", port)])
        origin = f"https://{NAME}:{port}"
        started = time.monotonic()
        with pytest.raises(DownloadFailed) as caught:
            fetch(f"{origin}/a", policy=Policy(extra_origins=(origin,), seconds=0.3))
    assert time.monotonic() - started < 1
    assert caught.value.transient
