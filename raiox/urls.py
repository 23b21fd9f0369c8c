"""Every route of the service."""

from django.contrib import admin
from django.urls import include, path

from cases import api as cases
from implants import api as implants
from raiox import health, metrics
from raiox.api import auth, docs

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("webhooks.urls")),
    path("", include("cases.urls")),
    path("", include("implants.urls")),
    path("search", implants.SearchView.as_view(), name="search"),
    path("upload", implants.UploadView.as_view(), name="upload"),
    path("implants", implants.ImplantListView.as_view(), name="implant-list"),
    path("implants/<int:pk>", implants.ImplantView.as_view(), name="implant"),
    path("cases", cases.CaseListView.as_view(), name="case-list"),
    path("cases/<int:pk>", cases.CaseView.as_view(), name="case"),
    path("cases/<int:pk>/approve", cases.ApproveView.as_view(), name="case-approve"),
    path("cases/<int:pk>/reject", cases.RejectView.as_view(), name="case-reject"),
    path("cases/<int:pk>/reopen", cases.ReopenView.as_view(), name="case-reopen"),
    path("auth/token", auth.LogInView.as_view(), name="token"),
    path("auth/token/refresh", auth.RefreshView.as_view(), name="token-refresh"),
    path("auth/logout", auth.LogOutView.as_view(), name="log-out"),
    path("ping", health.PingView.as_view(), name="ping"),
    path("healthcheck", health.HealthcheckView.as_view(), name="healthcheck"),
    path("health", health.HealthView.as_view(), name="health"),
    path("metrics", metrics.metrics, name="metrics"),
    path("openapi.json", docs.SchemaView.as_view(), name="openapi"),
    path("docs", docs.DocsView.as_view(), name="docs"),
]

handler400 = "raiox.api.handlers.bad_request"
handler403 = "raiox.api.handlers.forbidden"
handler404 = "raiox.api.handlers.not_found"
handler500 = "raiox.api.handlers.server_error"
