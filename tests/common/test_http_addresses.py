import socket
import threading
import time
from typing import Any

import pytest

from raiox.common.http import DownloadFailed, HostNotAllowed, Policy, addresses, fetch
from raiox.common.http.addresses import is_public, resolve
from tests.common.loopback import Loopback, answer, redirect, serve

PUBLIC = "93.184.216.34"


def resolver_giving(monkeypatch: pytest.MonkeyPatch, *answers: list[tuple[str, int]]) -> list[str]:
    """Answer the n-th look-up with the n-th list, later ones with the last; returns the names."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, given or port),
            )
            for address, given in found
        ]

    monkeypatch.setattr(addresses, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_is_public_for_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:224.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "ff02::1",
        "ff0e::1",
        "not an address",
    ],
)
def test_is_public_for_nothing_else(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "localhost"])
def test_resolve_refuses_other_spellings_of_loopback(host: str) -> None:
    with pytest.raises(HostNotAllowed):
        resolve(host, 443, private_too=False, seconds=5)


def test_resolve_refuses_a_name_with_one_private_address(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver_giving(monkeypatch, [(PUBLIC, 0), ("10.0.0.1", 0)])
    with pytest.raises(HostNotAllowed):
        resolve("files.example.com", 443, private_too=False, seconds=5)


def test_resolve_gives_the_addresses_it_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver_giving(monkeypatch, [(PUBLIC, 0), ("2606:2800:220:1::1", 0)])
    found = resolve("files.example.com", 443, private_too=False, seconds=5)
    assert [address.sockaddr for address in found] == [
        (PUBLIC, 443),
        ("2606:2800:220:1::1", 443),
    ]


def test_resolve_of_an_unknown_name_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(addresses, "getaddrinfo", getaddrinfo)
    with pytest.raises(DownloadFailed) as caught:
        resolve("files.example.com", 443, private_too=False, seconds=5)
    assert caught.value.transient


def test_resolve_does_not_wait_for_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(addresses, "getaddrinfo", lambda *_, **__: released.wait(2) and [])
    started = time.monotonic()
    with pytest.raises(DownloadFailed) as caught:
        resolve("files.example.com", 443, private_too=False, seconds=0.1)
    assert time.monotonic() - started < 0.6
    assert caught.value.transient
    released.set()


def test_fetch_connects_to_the_address_it_checked_not_to_a_later_one(
    monkeypatch: pytest.MonkeyPatch, server: Loopback, elsewhere: Loopback
) -> None:
    server.answers["/a"] = answer(b"right")
    elsewhere.answers["/a"] = answer(b"rebound")
    asked = resolver_giving(
        monkeypatch, [("127.0.0.1", server.port)], [("127.0.0.1", elsewhere.port)]
    )
    policy = Policy(extra_origins=("http://files.example.com:8001",))
    assert fetch("http://files.example.com:8001/a", policy=policy).data == b"right"
    assert asked == ["files.example.com"]
    assert server.asked[0].headers["host"] == "files.example.com:8001"


def test_fetch_checks_the_name_again_after_a_redirect(
    monkeypatch: pytest.MonkeyPatch, server: Loopback
) -> None:
    server.answers["/a"] = redirect("https://files.example.com/b")
    resolver_giving(monkeypatch, [("127.0.0.1", server.port)], [("127.0.0.1", server.port)])
    policy = Policy(hosts=("files.example.com",), extra_origins=(server.origin,))
    with pytest.raises(HostNotAllowed):
        fetch(f"{server.origin}/a", policy=policy)
    assert len(server.asked) == 1


def test_fetch_takes_the_next_address_when_one_is_dead(
    monkeypatch: pytest.MonkeyPatch, server: Loopback
) -> None:
    server.answers["/a"] = answer(b"alive")
    with serve() as dead:
        closed = dead.port
    resolver_giving(monkeypatch, [("127.0.0.1", closed), ("127.0.0.1", server.port)])
    policy = Policy(extra_origins=("http://files.example.com:8001",))
    assert fetch("http://files.example.com:8001/a", policy=policy).data == b"alive"


def test_fetch_never_connects_to_a_listed_host_at_a_private_address(
    monkeypatch: pytest.MonkeyPatch, server: Loopback
) -> None:
    for address in ("127.0.0.1", "::ffff:127.0.0.1"):
        resolver_giving(monkeypatch, [(address, server.port)])
        with pytest.raises(HostNotAllowed):
            fetch("https://files.example.com/a", policy=Policy(hosts=("files.example.com",)))
    assert server.asked == []
