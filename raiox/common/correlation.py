"""One id that follows a case through requests, jobs, logs and events, and what else is known."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from django.http import HttpRequest, HttpResponse

HEADER = "X-Correlation-ID"
# An id from outside ends in logs and in the database: only harmless characters, bounded.
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
Known = Mapping[str, int | str | None]
_current: ContextVar[str] = ContextVar("correlation_id", default="")
_known: ContextVar[Known] = ContextVar("known", default=MappingProxyType({}))


def current() -> str:
    """The correlation id of what runs now; empty outside of a request or job."""
    return _current.get()


def new_id() -> str:
    """A fresh correlation id."""
    return uuid.uuid4().hex


def facts() -> dict[str, int | str | None]:
    """What every log line of this request or job tells: the correlation id, the ids of rows."""
    return {"correlation_id": current(), **_known.get()}


def note(**ids: int | str | None) -> None:
    """Let the lines that follow, to the end of the request or job, tell these ids too."""
    if current():
        _known.set({**_known.get(), **ids})


@contextmanager
def correlated(correlation_id: str, **ids: int | str | None) -> Iterator[str]:
    """Run a block under `correlation_id` (a fresh one when empty) and give it back."""
    token = _current.set(correlation_id or new_id())
    known = _known.set({**_known.get(), **ids})
    try:
        yield _current.get()
    finally:
        _known.reset(known)
        _current.reset(token)


class CorrelationMiddleware:
    """Takes `X-Correlation-ID` from the request, or makes one, and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request under its correlation id."""
        given = request.headers.get(HEADER, "")
        with correlated(given if _ACCEPTED.fullmatch(given) else "") as correlation_id:
            response = self.get_response(request)
        response[HEADER] = correlation_id
        return response
