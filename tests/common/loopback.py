"""A TCP server on loopback that records what it was asked and answers exactly the bytes it is told
to, however wrong they are: no library in between tidies them up."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import Parser
from typing import Any, cast

Script = bytes | Callable[[socket.socket], None]


@dataclass(frozen=True)
class Asked:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Loopback:
    """`answers` by path without query; what is in `queue` goes first, once. `asked` in order."""

    port: int
    scheme: str
    answers: dict[str, Script] = field(default_factory=dict)
    queue: list[Script] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def script(self, asked: Asked) -> Script:
        if self.queue:
            return self.queue.pop(0)
        return self.answers.get(asked.path.partition("?")[0], answer(b"nothing here", status=404))


def answer(body: bytes = b"", *, status: int = 200, **headers: str) -> bytes:
    """A well-formed answer; header names with underscores for dashes."""
    fields = {"Content_Length": str(len(body)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(status=status, Location=location)


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.tls = context
        server.loopback = Loopback(server.server_address[1], "https" if context else "http")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.loopback
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = True
    tls: ssl.SSLContext | None
    loopback: Loopback

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(10)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what many of these tests are about."""


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = cast(_Server, self.server)
        if server.tls is None:
            self._converse(server.loopback, self.request)
            return
        with server.tls.wrap_socket(self.request, server_side=True) as secure:
            self._converse(server.loopback, secure)

    def _converse(self, loopback: Loopback, connection: socket.socket) -> None:
        asked = _read_request(connection)
        loopback.asked.append(asked)
        script = loopback.script(asked)
        if isinstance(script, bytes):
            connection.sendall(script)
        else:
            script(connection)


def _read_request(connection: socket.socket) -> Asked:
    with connection.makefile("rb") as stream:
        method, path, _ = stream.readline().decode("latin-1").split(" ")
        lines = iter(lambda: stream.readline().decode("latin-1"), "\r\n")
        headers = {k.lower(): v for k, v in Parser().parsestr("".join(lines)).items()}
        body = stream.read(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)
