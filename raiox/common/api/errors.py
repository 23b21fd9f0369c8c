"""One JSON shape for whatever goes wrong: `{"error": {"code", "message"[, "details"]}}`.

Codes are stable and for programs, messages are for people and translated.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import exception_handler


class ApiError(exceptions.APIException):
    """A refusal with its own status and code; `details` must fit into JSON."""

    def __init__(
        self, status: int, code: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, code)
        self.status_code = status
        self.details = details


def too_large(message: str) -> ApiError:
    """The refusal of a body or file over its limit."""
    return ApiError(413, "too_large", message)


def error_body(code: str, message: str, details: Any = None) -> dict[str, Any]:
    """The shape itself."""
    error: dict[str, Any] = {"code": code, "message": message}
    return {"error": error if details is None else {**error, "details": details}}


def handle_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's way of answering, with our shape; None for faults of ours (500)."""
    error = _as_api_exception(error)
    response = exception_handler(error, context)
    if response is not None and isinstance(error, exceptions.APIException):
        response.data = _body_of(error)
    return response


def _as_api_exception(error: Exception) -> Exception:
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return too_large(_("The body is too large."))
    return error


def _body_of(error: exceptions.APIException) -> dict[str, Any]:
    detail: Any = error.detail
    if isinstance(error, ApiError):
        return error_body(detail.code, str(detail), error.details)
    if isinstance(error, exceptions.ValidationError):
        return error_body("invalid", _("The request is not valid."), detail)
    if isinstance(error, exceptions.ParseError):
        # The parser's own words are English and for programmers.
        return error_body(error.default_code, str(error.default_detail), {"reason": detail})
    if isinstance(detail, dict):  # simplejwt: {"detail": ..., "code": ...}
        return error_body(str(detail["code"]), str(detail["detail"]))
    return error_body(detail.code, str(detail))


class _ErrorContentSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.JSONField(required=False)

    class Meta:
        ref_name = "ErrorContent"


class ErrorSerializer(serializers.Serializer):
    """The shape, for the documentation."""

    error = _ErrorContentSerializer()


def documented(*statuses: int) -> dict[int, type[ErrorSerializer]]:
    """The responses entry of `extend_schema` for refusals with these statuses."""
    return dict.fromkeys(statuses, ErrorSerializer)
