"""What a page between a list and its result carries along: the chosen rows, and the way back."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def chosen_ids(request: HttpRequest) -> list[int]:
    """The ids in `ids`, with commas between them: one field, however many they are."""
    given = request.POST.get("ids") or request.GET.get("ids") or ""
    return [int(part) for part in given.split(",") if part.isdecimal()]


def back_to(request: HttpRequest, route: str) -> str:
    """The page of ours to return to: `next`, else the route's."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse(route)
