"""What is told and counted of a request: route, person, case; no path, query or body.

A path may hold a token, a query a patient's name.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from raiox.common import correlation
from raiox.common.measures import request_answered

ENVIRON_KEY: Final = "raiox.request"
"""Where logs that are written outside of it find the facts of a request: gunicorn's, Django's."""
STATIC: Final = "static"
NO_ROUTE: Final = "none"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CASE_ROUTE: Final = re.compile(r"(^case(-|$)|^admin:cases_case_)")
_current: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class RequestFactsMiddleware:
    """Counts requests, lets log lines say who asks, and tells gunicorn's access log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request."""
        with _asked_by(request):
            started = time.perf_counter()
            response = self.get_response(request)
            seconds, route = time.perf_counter() - started, route_of(request)
            request_answered(route, method_of(request), response.status_code, seconds)
            request.META[ENVIRON_KEY] = {**correlation.facts(), "route": route, **facts()}
        return response


def noted(request: Any) -> dict[str, Any]:
    """What is told of a request outside of its turn, or while it fails."""
    if not isinstance(request, HttpRequest):
        return {}
    return dict(request.META.get(ENVIRON_KEY) or {"route": route_of(request)})


@contextmanager
def _asked_by(request: HttpRequest) -> Iterator[None]:
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)


def facts() -> dict[str, int]:
    """The ids of user and case of the request that runs now, as far as they are known."""
    request = _current.get()
    if request is None:
        return {}
    found = {"user_id": _user_id(request), "case_id": _case_id(request)}
    return {name: value for name, value in found.items() if value is not None}


def route_of(request: HttpRequest) -> str:
    """The name of the route, out of a bounded set."""
    match = request.resolver_match
    if match:
        return match.view_name or str(match.route)
    is_static = request.path_info.startswith(str(settings.STATIC_URL))
    return STATIC if is_static else NO_ROUTE


def method_of(request: HttpRequest) -> str:
    """The method, out of a bounded set."""
    method = request.method or ""
    return method if method in _METHODS else "OTHER"


def _user_id(request: HttpRequest) -> int | None:
    """Never asks the database: a user nobody asked for yet is not known."""
    user: Any = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject) and not hasattr(request, "_cached_user"):
        return None
    return getattr(user, "pk", None)


def _case_id(request: HttpRequest) -> int | None:
    match = request.resolver_match
    if match is None or not _CASE_ROUTE.match(match.view_name or ""):
        return None
    given = str(match.kwargs.get("pk") or match.kwargs.get("object_id") or "")
    return int(given) if given.isdecimal() and len(given) < 19 else None
