"""Routes of Jotform's door."""

from django.urls import path

from webhooks.views import webhook

urlpatterns = [
    path("webhook", webhook, name="webhook"),
    path("webhook/<str:token>", webhook, name="webhook-token"),
]
