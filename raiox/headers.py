"""Headers that neither Django nor a library of ours sets."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class PermissionsPolicyMiddleware:
    """Tells browsers which of their features no page of ours may use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.value = ", ".join(f"{feature}=()" for feature in settings.PERMISSIONS_POLICY)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request, and add the header to its answer."""
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", self.value)
        return response


class NoStoreMiddleware:
    """What says nothing of its own about it is kept by no browser and no proxy.

    So all of the API's answers, which hold patients' names or tokens; a new route needs no thought.
    Static files and films say how long they are good.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request, and add the header to its answer."""
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store")
        return response
