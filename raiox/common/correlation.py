"""One id that follows a case through requests, jobs, logs and events."""

import logging
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

HEADER = "X-Correlation-ID"
# An id from outside ends in logs and in the database: only harmless characters, bounded.
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def current() -> str:
    """The correlation id of what runs now; empty outside of a request or job."""
    return _current.get()


def new_id() -> str:
    """A fresh correlation id."""
    return uuid.uuid4().hex


@contextmanager
def correlated(correlation_id: str) -> Iterator[str]:
    """Run a block under `correlation_id` (a fresh one when empty) and give it back."""
    token = _current.set(correlation_id or new_id())
    try:
        yield _current.get()
    finally:
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


class CorrelationFilter(logging.Filter):
    """Gives each log record the id, so that a formatter can print it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add `correlation_id` to the record; keeps every record."""
        record.correlation_id = current() or "-"
        return True
