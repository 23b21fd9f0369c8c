"""Object storage on loopback that fails on demand: moto's S3 behind a door of ours."""

import threading
import time
from collections.abc import Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

BUCKET = "raiox-faults"
FULL = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InsufficientStorage</Code>'
    b"<Message>There is not enough space.</Message></Error>"
)
MODES = ("error", "full", "slow", "cut")


class Cut(ConnectionError):
    """The connection ends in the middle of an answer."""


class FaultyStorage:
    """`mode`: `ok`, `error` (500), `full` (507 for writes), `slow`, `cut` (half an answer)."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.failed = 0
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, self, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "FaultyStorage":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead the product here."""
        return {
            "DO_SPACES_KEY": "faults",
            "DO_SPACES_SECRET": "faults-only",
            "DO_SPACES_BUCKET": BUCKET,
            "DO_SPACES_REGION": "us-east-1",
            "DO_SPACES_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """WSGI: fail as told, or pass on."""
        mode = self.mode
        if mode == "slow":
            time.sleep(2)
        self.failed += mode != "ok"
        if mode == "error":
            return _answer(start_response, "500 Internal Server Error", b"")
        if mode == "full" and environ["REQUEST_METHOD"] in ("PUT", "POST"):
            return _answer(start_response, "507 Insufficient Storage", FULL)
        if mode == "cut":
            start_response("200 OK", [("Content-Length", "1000")])
            return [b"half"]
        return self._moto(environ, start_response)


def _answer(start_response: Any, status: str, body: bytes) -> list[bytes]:
    start_response(status, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]
