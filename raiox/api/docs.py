"""The API's documentation, for those who may use it: by admin session or token."""

from typing import Any, ClassVar

from csp.decorators import csp_update
from django.contrib.auth.views import redirect_to_login
from django.http import JsonResponse
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework_simplejwt.authentication import JWTAuthentication

from raiox.common.api.views import ApiMixin


class _ForReaders(ApiMixin):
    # The first one names the status of a refusal: by JWT it is 401.
    authentication_classes = [JWTAuthentication, SessionAuthentication]
    # What this address is for, first: decides for those who take anything.
    media_types: ClassVar[list[str]]

    def handle_exception(self, exc: Exception) -> Any:
        """Send browsers to the log-in; programs get our JSON, whatever the view itself renders."""
        wanted = self.request.get_preferred_type(self.media_types)
        if isinstance(exc, NotAuthenticated) and wanted == "text/html":
            return redirect_to_login(self.request.get_full_path())
        answer = super().handle_exception(exc)
        headers = {name: value for name, value in answer.items() if name != "Content-Type"}
        return JsonResponse(answer.data, status=answer.status_code, headers=headers)


class SchemaView(_ForReaders, SpectacularJSONAPIView):
    """`GET /openapi.json`."""

    media_types = ["application/json", "text/html"]


# Swagger's own style sheet holds its icons.
@method_decorator(csp_update({"img-src": "data:"}), name="dispatch")
class DocsView(_ForReaders, SpectacularSwaggerSplitView):
    """`GET /docs`: Swagger UI, its files served by us; the script has its own address, for CSP."""

    media_types = ["text/html", "application/json"]
    url_name = "openapi"
