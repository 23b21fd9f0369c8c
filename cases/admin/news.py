"""Tells a queue that is open in a browser how many cases have come since."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import ngettext

from cases.waiting import arrived_since
from raiox.common.staff import staff_required


def news_urls(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> list[URLPattern]:
    """`news/`, named `cases_case_news`; `wrap` is the admin's own guard of views."""
    return [path("news/", wrap(news), name="cases_case_news")]


@staff_required("cases.view_case")
def news(request: HttpRequest) -> HttpResponseBase:
    """How many cases came into the queue after the event `since`, as a number and in words."""
    since = request.GET.get("since", "")
    if not (since.isdecimal() and len(since) < 19):
        raise BadRequest("`since` is the id of an event")
    count = arrived_since(int(since)).count()
    text = ngettext("%(count)d new case", "%(count)d new cases", count) % {"count": count}
    return JsonResponse({"count": count, "text": text})
