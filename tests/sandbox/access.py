"""Who may ask, and the record of who asked."""

import json
import socket
import time
from hmac import compare_digest
from typing import Any

from django.http import HttpRequest, HttpResponse

from tests.sandbox.config import options
from tests.sandbox.models import RequestRecord

HANG_SECONDS = 120
KEY_PARAMETERS = ("apiKey", "apikey")


def key_place(request: HttpRequest) -> str:
    """Where the request has a key: `header`, `query` or nowhere (empty)."""
    if "APIKEY" in request.headers:
        return "header"
    return "query" if any(name in request.GET for name in KEY_PARAMETERS) else ""


def has_right_key(request: HttpRequest) -> bool:
    given = [request.headers.get("APIKEY"), *(request.GET.get(name) for name in KEY_PARAMETERS)]
    key = next((value for value in given if value is not None), "")
    return compare_digest(key.encode(), options().api_key.encode())


def record(request: HttpRequest, kind: str, status: int | None) -> None:
    query = {k: v for k, v in request.GET.items() if k not in KEY_PARAMETERS}
    fields = {k: v for k, v in request.POST.items() if k not in KEY_PARAMETERS}
    RequestRecord.objects.create(
        kind=kind,
        host=request.get_host(),
        method=str(request.method),
        path=request.path,
        query=_without_key(query),
        fields=_without_key(fields),
        key=key_place(request),
        team=request.headers.get("jf-team-id", ""),
        status=status,
    )


def drop_connection(request: HttpRequest) -> HttpResponse:
    """Close the socket under the client: it can't know what became of its request."""
    request.META["sandbox.connection"].shutdown(socket.SHUT_RDWR)
    return HttpResponse()


def hang(request: HttpRequest, how: str) -> HttpResponse:
    if how == "sleep":
        time.sleep(HANG_SECONDS)
    return drop_connection(request)


def _without_key(values: dict[str, Any]) -> Any:
    return json.loads(json.dumps(values).replace(options().api_key, "***"))
