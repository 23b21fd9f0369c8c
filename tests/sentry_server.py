"""A stand-in for Sentry on loopback: keeps the envelopes that it is sent."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import brotli

from tests.common.loopback import Loopback, answer, serve


class SentryServer:
    """Its `dsn`, and what came: `text` of everything, `events` one by one."""

    def __init__(self, server: Loopback) -> None:
        self._server = server
        self.dsn = f"{server.origin.replace('://', '://public@')}/1"
        server.answers["/api/1/envelope/"] = answer(b"{}")

    @property
    def text(self) -> str:
        return "\n".join(f"{asked.headers}\n{_body(asked)}" for asked in self._server.asked)

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = [line for asked in self._server.asked for line in _body(asked).splitlines()]
        parsed = [json.loads(line) for line in lines]
        return [found for found in parsed if "logentry" in found]


def _body(asked: Any) -> str:
    # Sentry's client takes brotli where that is installed, as by tools of the tests.
    unpack = {"gzip": gzip.decompress, "br": brotli.decompress}
    coding = asked.headers.get("content-encoding")
    return str((unpack[coding](asked.body) if coding else asked.body).decode())


@contextmanager
def sentry_server() -> Iterator[SentryServer]:
    with serve() as server:
        yield SentryServer(server)
