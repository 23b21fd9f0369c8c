"""Log-in for programs: JSON Web Tokens that say what their owner may do."""

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.views import TokenViewBase

from raiox.common.api.errors import documented
from raiox.common.api.scopes import CLAIM, scopes_of
from raiox.common.api.views import OpenMixin


def _with_scopes(access: str) -> str:
    """The access token with its owner's scopes of this moment."""
    token = AccessToken(access)  # type: ignore[arg-type]  # its annotation says Token, it takes str
    user = User.objects.get(**{api_settings.USER_ID_FIELD: token[api_settings.USER_ID_CLAIM]})
    token[CLAIM] = " ".join(sorted(scopes_of(user)))
    return str(token)


class LogInSerializer(TokenObtainPairSerializer):
    """User name and password for a pair of tokens."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)
    default_error_messages = {"no_active_account": _("No account with this name and password.")}

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Check the password and answer the pair; only the short-lived token carries scopes."""
        tokens = super().validate(attrs)
        return {**tokens, "access": _with_scopes(tokens["access"])}


class RefreshSerializer(TokenRefreshSerializer):
    """A refresh token for a new access token, with scopes as they are now."""

    refresh = serializers.CharField(write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Check the token and its owner, who may be gone or inactive by now."""
        try:
            tokens = super().validate(attrs)
        except User.DoesNotExist:  # simplejwt lets it pass, which would be a fault of the server
            raise AuthenticationFailed(
                self.error_messages["no_active_account"], "no_active_account"
            ) from None
        return {**tokens, "access": _with_scopes(tokens["access"])}


class LogInView(OpenMixin, TokenViewBase):
    """`POST /auth/token`."""

    serializer_class = LogInSerializer

    @extend_schema(responses={200: LogInSerializer, **documented(400, 401, 413)})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Log in: the access token goes into the header `Authorization: Bearer <token>`."""
        return super().post(request, *args, **kwargs)


class RefreshView(OpenMixin, TokenViewBase):
    """`POST /auth/token/refresh`."""

    serializer_class = RefreshSerializer

    @extend_schema(responses={200: RefreshSerializer, **documented(400, 401, 413)})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A new access token, with scopes by the groups of this moment."""
        return super().post(request, *args, **kwargs)
