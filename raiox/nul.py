"""A NUL in an address or a cookie: PostgreSQL keeps none in a text, so none is asked for it.

Django's and REST framework's fields refuse it in what is sent; filters of lists, arguments of paths
and the session's key know no such rule.
"""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


class RefuseNulMiddleware:
    """Answers 400 before any view or session sees the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request, or refuse it by `raiox.api.handlers.bad_request`."""
        if _holds_nul(request):
            raise BadRequest
        return self.get_response(request)


def _holds_nul(request: HttpRequest) -> bool:
    """In a query it can stand encoded only; a quoted cookie may hold it, too (RFC 2109)."""
    in_query = "%00" in request.META.get("QUERY_STRING", "")
    return in_query or any("\0" in text for text in (request.path_info, *request.COOKIES.values()))
