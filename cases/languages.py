"""The language somebody chose for herself goes before that of her browser."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from cases.models import ReviewerPreferences


class PreferredLanguageMiddleware:
    """Stands behind Django's own, which has read what the browser asks for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Switch to the language of whoever is logged in, if she chose one."""
        if language := _chosen(request):
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language() or language
        return self._get_response(request)


def _chosen(request: HttpRequest) -> str:
    """Asks the database only for those who come with a session."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
        return ""
    chosen = ReviewerPreferences.objects.filter(user=request.user)
    return chosen.values_list("language", flat=True).first() or ""
