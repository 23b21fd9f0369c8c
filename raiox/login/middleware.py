"""Nobody gets past the second factor: whoever owes one sees its pages and nothing else."""

from collections.abc import Callable
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from raiox.login import second_factor

_OPEN: Final = frozenset(
    {"admin:second_factor", "admin:second_factor_code", "admin:logout", "admin:jsi18n"}
    | {"cases:privacy", "ping", "healthcheck", "health", "webhook", "webhook-token"}
)


class SecondFactorMiddleware:
    """Stands before every view that a session opens; tokens of the API are asked when given."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request; which view it is for is known only later."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Lead to what is owed; None lets the view answer."""
        match = request.resolver_match
        if match is not None and match.view_name in _OPEN:
            return None
        page = _owed(request)
        if page is None:
            return None
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return redirect(page)


def _owed(request: HttpRequest) -> str | None:
    """The page of what this visitor still has to do, or None."""
    user: Any = request.user
    if not user.is_authenticated or user.is_verified():
        return None
    if second_factor.is_enrolled(user):
        return "admin:second_factor_code"
    return "admin:second_factor" if second_factor.is_required(user) else None
