"""Pages as the API's clients know them: a bare list, and how many there are in a header."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

TOTAL_HEADER = "X-Total-Count"
TOTAL_COUNT = OpenApiParameter(
    TOTAL_HEADER,
    int,
    OpenApiParameter.HEADER,
    response=[200],
    description="How many there are beside this page.",
)
_MAX_SKIP = 2**31 - 1


class BareListPagination(LimitOffsetPagination):
    """`limit` and `skip`; a number that makes no sense is refused, not replaced."""

    default_limit = 100
    max_limit = 500
    offset_query_param = "skip"

    def get_limit(self, request: Request) -> int:
        """How many rows to answer."""
        return _number(request, "limit", self.default_limit, low=1, high=self.max_limit)

    def get_offset(self, request: Request) -> int:
        """How many rows to leave out."""
        return _number(request, "skip", 0, low=0, high=_MAX_SKIP)

    def get_paginated_response(self, data: Any) -> Response:
        """The rows alone."""
        return Response(data, headers={TOTAL_HEADER: str(self.count)})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The same, for the documentation."""
        return schema

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The two parameters with their limits."""
        limit = {"minimum": 1, "maximum": self.max_limit, "default": self.default_limit}
        skip = {"minimum": 0, "maximum": _MAX_SKIP, "default": 0}
        return [
            _documented("limit", "Rows to answer.", limit),
            _documented("skip", "Rows to leave out before them.", skip),
        ]


def _documented(name: str, description: str, limits: dict[str, int]) -> dict[str, Any]:
    schema = {"type": "integer", **limits}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _number(request: Request, name: str, default: int, *, low: int, high: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high:
        return int(text)
    message = _("Send a whole number from %(low)d to %(high)d.") % {"low": low, "high": high}
    raise serializers.ValidationError({name: [message]})
