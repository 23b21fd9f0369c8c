"""Django's own error pages for the admin; everywhere else our JSON."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import defaults

from raiox.common.api.errors import error_body


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: something that Django itself did not like about the request."""
    if _is_admin(request):
        return defaults.bad_request(request, exception)
    return _answer(400, "bad_request", _("The request is not valid."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 from a view that is not REST framework's."""
    if _is_admin(request):
        return defaults.permission_denied(request, exception)
    return _answer(403, "permission_denied", _("You may not do this."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: no such route, or a view that found nothing."""
    if _is_admin(request):
        return defaults.page_not_found(request, exception)
    return _answer(404, "not_found", _("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault; what happened is in the log, under the correlation id."""
    if _is_admin(request):
        return defaults.server_error(request)
    return _answer(500, "server_error", _("Something went wrong on our side."))


def _is_admin(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index"))


def _answer(status: int, code: str, message: str) -> JsonResponse:
    content: dict[str, Any] = error_body(code, message)
    return JsonResponse(content, status=status)
