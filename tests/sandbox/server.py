"""The threaded HTTP server: one process, so that stopping and killing it is one signal.

Django's development server is enough here: loopback only, and threads see the bare socket.
"""

import signal
import socketserver
import threading
from typing import Any
from wsgiref.types import WSGIApplication

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

HOST = "127.0.0.1"


class Handler(WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        """Hand the socket on, for the switch that drops connections in the middle."""
        return {**super().get_environ(), "sandbox.connection": self.connection}

    def log_message(self, format: str, *args: object) -> None:
        """Silent: an access line could hold `?apiKey=`. The control routes list the requests."""


class Server(ThreadedWSGIServer):
    request_queue_size = 128

    def server_bind(self) -> None:
        """Without the look-up of the host's name, which can hang on a machine without DNS."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.server_port}"


def bind(port: int) -> Server:
    return Server((HOST, port), Handler)


def serve(main: Server, other: Server, application: WSGIApplication) -> None:
    """Serve both origins until a signal; what hangs on purpose is not waited for."""
    for server in (main, other):
        server.set_app(application)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    print(f"listening on {main.origin}", flush=True)
    try:
        main.serve_forever()
    finally:
        main.server_close()


def stop_on_signals() -> None:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)


def _stop(_signal: int, _frame: object) -> None:
    raise SystemExit(0)
