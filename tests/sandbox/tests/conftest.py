"""One stand-in for all these tests, and a receiver of its webhooks."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sandbox.process import SandboxProcess
from tests.sandbox.tests.helpers import PNG, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    seen = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.bodies.append((self.headers["Content-Type"], body))
            self.send_response(seen.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        seen.url = f"http://127.0.0.1:{server.server_port}/webhook/receivers-token"
        yield seen
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    samples = tmp_path_factory.mktemp("samples")
    (samples / "um exemplo.png").write_bytes(PNG + b"1")
    (samples / "outro.jpg").write_bytes(b"\xff\xd8\xff" + b"2")
    (samples / "notes.txt").write_text("no picture")
    with SandboxProcess(samples=samples) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: SandboxProcess) -> SandboxProcess:
    running.reset(everything=True)
    return running
