"""One request to one checked target, under one deadline, with every size counted.

http.client knows no pools, redirects, retries, proxies, cookies or decoding that would have to be
switched off, and it logs nothing (urllib3 warns of broken headers with the whole URL, query and
all). The socket itself keeps the deadline, because a server that sends a byte a second defeats any
time-out counted per read.
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from raiox.common.http.addresses import Address, resolve
from raiox.common.http.errors import DownloadFailed, TooLarge
from raiox.common.http.urls import Target

USER_AGENT = "Raiox/1.0"
MAX_HEADER_BYTES = 64 * 1024
_PIECE = 64 * 1024
_OURS = {"Accept-Encoding": "identity", "Connection": "close"}


class Deadline:
    """A point in time; everything that waits asks how much is left."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, always positive. Raises DownloadFailed when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise DownloadFailed("the transfer took too long", transient=True)
        return left


@dataclass
class Incoming:
    """An answer whose body is still on the wire. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    host: str
    _response: http.client.HTTPResponse = field(repr=False)
    _sock: "_Guard" = field(repr=False)

    def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises TooLarge before reading when the announced length says so."""
        if _announced(self.headers) > max_bytes:
            raise TooLarge("the announced length is over the limit")
        if self.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise DownloadFailed("the body is compressed though we asked for none", transient=False)
        # Chunk headers and trailers are not part of the body, but they must end as well.
        self._sock.allow(2 * max_bytes + MAX_HEADER_BYTES, TooLarge("the transfer is too large"))
        body = bytearray()
        with _translated(self.host):
            while piece := self._response.read(_PIECE):
                body += piece
                if len(body) > max_bytes:
                    raise TooLarge("the body is over the limit")
            if self._response.length:
                raise http.client.IncompleteRead(b"")
        return bytes(body)


def _announced(headers: Mapping[str, str]) -> int:
    """Content-Length, 0 when it says nothing. Cut, since int() refuses thousands of digits."""
    declared = headers.get("content-length", "")
    return int(declared[:20]) if declared.isdecimal() else 0


@contextmanager
def exchange(
    method: str,
    target: Target,
    *,
    headers: Mapping[str, str],
    deadline: Deadline,
    body: bytes | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> Iterator[Incoming]:
    """Send one request and hand out its answer; nothing http.client raises gets out.

    Raises HostNotAllowed, DownloadFailed or TooLarge; `from None`, since the errors underneath can
    quote the request.
    """
    sent = {"User-Agent": USER_AGENT, **headers, **_OURS, "Host": target.authority}
    with closing(_Connection(target, deadline, ssl_context)) as connection:
        with _translated(target.host):
            connection.request(method, target.path, body=body, headers=sent)
            response = connection.getresponse()
        with closing(response):
            yield Incoming(
                response.status,
                _headers(response, target.host),
                target.host,
                response,
                connection.guard,
            )


def _headers(response: http.client.HTTPResponse, host: str) -> dict[str, str]:
    """By lower-case name. Headers two readers could read differently are refused."""
    message = response.headers
    lengths = {value.strip() for value in message.get_all("content-length", [])}
    framing = {value.strip().lower() for value in message.get_all("transfer-encoding", [])}
    odd = len(lengths) > 1 or not all(re.fullmatch("[0-9]+", value) for value in lengths)
    if message.defects or odd or framing - {"chunked"}:
        raise DownloadFailed(f"{host}: the headers of the answer are broken", transient=True)
    return {name.lower(): value for name, value in message.items()}


@contextmanager
def _translated(host: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise DownloadFailed(f"{host}: the certificate is not valid", transient=False) from None
    except TimeoutError:
        raise DownloadFailed(f"{host}: no answer in time", transient=True) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        kind = type(error).__name__
        raise DownloadFailed(f"{host}: the connection failed ({kind})", transient=True) from None


class _Guard(socket.socket):
    """A socket that keeps a deadline over all its reads and writes, and counts what comes in."""

    _deadline: Deadline
    _budget: int
    _overrun: Exception

    def keep(self, deadline: Deadline) -> None:
        self._deadline = deadline
        overrun = DownloadFailed("the headers of the answer are too large", transient=False)
        self.allow(MAX_HEADER_BYTES, overrun)

    def allow(self, more: int, overrun: Exception) -> None:
        """From now on at most `more` bytes may arrive; the next one raises `overrun`."""
        self._budget, self._overrun = more, overrun

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self._deadline.remaining())
        count = super().recv_into(*args, **kwargs)
        self._budget -= count
        if self._budget < 0:
            raise self._overrun
        return count

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(self._deadline.remaining())
        super().sendall(*args, **kwargs)


class _TLSGuard(_Guard, ssl.SSLSocket):
    """The same over TLS: made by the context, so that the certificate is checked by name."""


class _Connection(http.client.HTTPConnection):
    """A connection to the address that was checked, whatever the name resolves to by now."""

    guard: _Guard

    def __init__(self, target: Target, deadline: Deadline, context: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port, timeout=deadline.remaining())
        self._target, self._deadline, self._context = target, deadline, context

    def connect(self) -> None:
        target, deadline = self._target, self._deadline
        addresses = resolve(
            target.host,
            target.port,
            private_too=target.is_extra,
            seconds=deadline.remaining(),
        )
        self.sock = self.guard = _open(addresses, deadline)
        if target.scheme == "https":
            self.sock = self.guard = self._secure(self.guard)

    def _secure(self, plain: _Guard) -> _Guard:
        context = self._context or _system_context()
        context.sslsocket_class = _TLSGuard
        plain.settimeout(self._deadline.remaining())
        secure = cast(_TLSGuard, context.wrap_socket(plain, server_hostname=self._target.host))
        secure.keep(self._deadline)
        return secure


@lru_cache(maxsize=1)
def _system_context() -> ssl.SSLContext:
    """Loading the system's certificates costs tens of milliseconds: once a process."""
    return ssl.create_default_context()


def _open(addresses: list[Address], deadline: Deadline) -> _Guard:
    """The first address that answers; each gets its share of the time that is left."""
    for number, address in enumerate(addresses):
        try:
            return _open_one(address, deadline, deadline.remaining() / (len(addresses) - number))
        except OSError as error:
            failure = error
    raise failure


def _open_one(address: Address, deadline: Deadline, seconds: float) -> _Guard:
    sock = _Guard(address.family, socket.SOCK_STREAM)
    try:
        sock.keep(deadline)
        sock.settimeout(seconds)
        sock.connect(address.sockaddr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock
