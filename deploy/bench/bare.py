"""A Django application that does nothing but answer: the baseline of the web process."""

from django.conf import settings

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, MIDDLEWARE=[])

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path


def answer(request: HttpRequest, token: str) -> JsonResponse:
    """As the webhook answers, without having looked at anything."""
    return JsonResponse({"status": "accepted"})


urlpatterns = [path("webhook/<str:token>", answer)]
application = get_wsgi_application()
