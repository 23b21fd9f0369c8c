"""What a request brought and nobody read: taken in before the answer goes out.

A view that refuses by token, rights or length reads no body. gunicorn then hangs up on the proxy,
which is still sending, hears a broken connection and tells the visitor that we are away. A proxy
holds the whole body by then, so reading it costs no waiting; nobody else is waited for.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from raiox.common.client_address import is_proxy

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_MOST_BYTES: Final = 16 * 1024 * 1024
"""More than any proxy of ours lets through."""
_AT_ONCE: Final = 64 * 1024


def read_to_the_end(application: Application) -> Application:
    """The same application, which leaves no body that a proxy of ours sends unread.

    Of anybody else nothing is read, whatever headers claim: who sends slowly would hold a thread.
    """

    def reading(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = application(environ, start_response)
        if is_proxy(environ.get("REMOTE_ADDR", "")):
            _read(environ["wsgi.input"])
        return answer

    return reading


def _read(body: Any) -> None:
    left = _MOST_BYTES
    while left > 0 and (part := body.read(_AT_ONCE)):
        left -= len(part)
