"""What every view of the API shares: closed by default, a cap for bodies, our errors."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from raiox.common.api.errors import ApiError, handle_error, too_large
from raiox.common.api.parsers import JsonParser
from raiox.common.api.scopes import Reader


class ApiMixin(APIView):
    """To be put before any view of REST framework's."""

    permission_classes: Any = [Reader]
    parser_classes: Any = [JsonParser]
    max_body_bytes = 1024 * 1024

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body by its announced length, before anything of it is read."""
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            raise ApiError(411, "length_required", _("Send the length of the body."))
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.max_body_bytes:
            raise too_large(_("The body is too large."))
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Any]:
        """Answer errors in our shape."""
        return handle_error


class OpenMixin(ApiMixin):
    """For everybody, without any look at who asks."""

    authentication_classes: Any = []
    permission_classes: Any = [AllowAny]
    parser_classes = [JsonParser, FormParser]
