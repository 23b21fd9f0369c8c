"""A session ends with the working day, and before that when nobody has used it for long.

What monitors ask knows no session: it must be answered while the database that holds them is down.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

_SINCE: Final = "since"
_SEEN: Final = "seen"
# Seen is written down no oftener, so that not every request writes into the database.
_STEP_SECONDS: Final = 60
# Pages ask these by themselves: nobody needs to sit before them.
_BACKGROUND: Final = frozenset(
    {"admin:cases_case_news", "admin:cases_case_claim", "admin:cases_case_candidates"}
)
_FOR_MONITORS: Final = frozenset({"/ping", "/healthcheck", "/health", "/metrics"})


class NoSessionForMonitorsMiddleware:
    """Leaves cookies unread on the monitors' addresses; stands before whatever reads them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request."""
        if request.path_info in _FOR_MONITORS:
            request.COOKIES = {}
        return self.get_response(request)


class SessionLimitsMiddleware:
    """Logs out whose session is too old, or was left alone too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request; the view's name is known only later."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        """Judge the session before the view sees it."""
        if not request.user.is_authenticated:
            return
        now = int(time.time())
        since = request.session.setdefault(_SINCE, now)
        seen = request.session.setdefault(_SEEN, now)
        is_old = now - since > settings.SESSION_COOKIE_AGE
        if is_old or now - seen > settings.SESSION_IDLE_MINUTES * 60:
            logout(request)
        elif now - seen >= _STEP_SECONDS and not _is_background(request):
            request.session[_SEEN] = now


def _is_background(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.view_name in _BACKGROUND
