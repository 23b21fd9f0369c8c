"""Log-in for programs: JSON Web Tokens that say what their owner may do."""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, ErrorDetail, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.serializers import (
    TokenBlacklistSerializer,
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.views import TokenViewBase

from raiox.common.api.errors import ApiError, documented
from raiox.common.api.scopes import CLAIM, scopes_of
from raiox.common.api.views import OpenMixin
from raiox.login import lockout, second_factor


def _with_scopes(access: str) -> str:
    """The access token with its owner's scopes of this moment."""
    token = AccessToken(access)  # type: ignore[arg-type]  # its annotation says Token, it takes str
    user = User.objects.get(**{api_settings.USER_ID_FIELD: token[api_settings.USER_ID_CLAIM]})
    token[CLAIM] = " ".join(sorted(scopes_of(user)))
    return str(token)


def _locked_out() -> Throttled:
    wait = settings.AXES_COOLOFF_TIME.total_seconds()
    refusal = Throttled(wait=wait, detail=lockout.explain(), code="locked_out")
    refusal.detail = ErrorDetail(lockout.explain(), "locked_out")  # without its English addition
    return refusal


def _refuse_who_lacks_second_factor(user: User) -> None:
    """Raise for an account that needs a second factor and has enrolled none."""
    if second_factor.is_required(user) and not second_factor.is_enrolled(user):
        text = _("This account needs a second factor: set it up in the admin first.")
        raise ApiError(403, "second_factor_missing", text)


class LogInSerializer(TokenObtainPairSerializer):
    """User name and password for a pair of tokens."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)
    otp = serializers.CharField(
        write_only=True,
        required=False,
        max_length=16,
        help_text="A code of the second factor, for people who have enrolled one.",
    )
    default_error_messages = {
        "no_active_account": gettext_lazy("No account with this name and password.")
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Check the password and answer the pair; only the short-lived token carries scopes."""
        otp = attrs.pop("otp", "")
        try:
            tokens = super().validate(attrs)
        except AuthenticationFailed:
            lockout.note_refusal(self.context["request"])
            if lockout.is_locked_out(self.context["request"]):
                raise _locked_out() from None
            raise
        user = cast(User, self.user)
        lockout.forget(self.context["request"], user.username)
        self._ask_second_factor(user, otp)
        return {**tokens, "access": _with_scopes(tokens["access"])}

    def _ask_second_factor(self, user: User, otp: str) -> None:
        """Raise unless the second factor is right, or neither there nor required."""
        if not second_factor.is_enrolled(user):
            _refuse_who_lacks_second_factor(user)
            return
        if not otp:
            raise ApiError(401, "otp_required", _("Send the code of your second factor as “otp”."))
        if second_factor.check(user, otp.strip().lower()) is None:
            lockout.note_refusal(self.context["request"])
            raise ApiError(401, "otp_invalid", _("The code is not right, or it was used already."))


class RefreshSerializer(TokenRefreshSerializer):
    """A refresh token for a new pair; the access token has the scopes of this moment."""

    refresh = serializers.CharField(trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Check the token and its owner, who may be gone, inactive or out of it by now."""
        try:
            tokens = super().validate(attrs)
            user = JWTAuthentication().get_user(AccessToken(tokens["access"]))  # type: ignore[arg-type]  # the same
        except User.DoesNotExist:  # simplejwt lets it pass, which would be a fault of the server
            raise AuthenticationFailed(
                self.error_messages["no_active_account"], "no_active_account"
            ) from None
        # Her rights, or the rule, may have grown since the log-in.
        _refuse_who_lacks_second_factor(cast(User, user))
        return {**tokens, "access": _with_scopes(tokens["access"])}


class LogOutSerializer(TokenBlacklistSerializer):
    """The refresh token that is to be spent."""

    refresh = serializers.CharField(write_only=True, trim_whitespace=False)


class LogInView(OpenMixin, TokenViewBase):
    """`POST /auth/token`."""

    serializer_class = LogInSerializer

    @extend_schema(
        responses={200: LogInSerializer, **documented(400, 401, 403, 411, 413, 415, 429)}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Log in: the access token goes into the header `Authorization: Bearer <token>`."""
        return super().post(request, *args, **kwargs)


class RefreshView(OpenMixin, TokenViewBase):
    """`POST /auth/token/refresh`."""

    serializer_class = RefreshSerializer

    @extend_schema(responses={200: RefreshSerializer, **documented(400, 401, 403, 411, 413, 415)})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A new pair of tokens, with scopes by the groups of this moment; the old one is spent."""
        return super().post(request, *args, **kwargs)


class LogOutView(OpenMixin, TokenViewBase):
    """`POST /auth/logout`."""

    serializer_class = LogOutSerializer

    @extend_schema(
        responses={
            200: OpenApiResponse(description="The refresh token is spent."),
            **documented(400, 401, 411, 413, 415),
        }
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Log out: the refresh token is good for nothing any more."""
        return super().post(request, *args, **kwargs)
