"""System checks: a setting that is missing or unsafe explains itself before the service starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

# Setting -> what it is for; each must be set in stage and production.
_REQUIRED = {
    "SECRET_KEY": "signs sessions and links; generate a long random value",
    "WEBHOOK_TOKENS": "the secrets in the webhook's URL, separated by commas",
    "PUBLIC_URL": "the address under which people and Jotform reach the service",
    "ALLOWED_HOSTS": "the host names the service answers to, separated by commas",
    "JOTFORM_API_KEY": "reads submissions and writes the answers",
    "DO_SPACES_BUCKET": "the private bucket for radiographs",
    "DO_SPACES_KEY": "the access key of the bucket",
    "DO_SPACES_SECRET": "the secret key of the bucket",
}


def _is_deployed() -> bool:
    return settings.RAIOX_ENV in ("stage", "production")


def _is_set(name: str) -> bool:
    try:
        return bool(getattr(settings, name))
    except ImproperlyConfigured:  # Django's own answer to reading an empty SECRET_KEY
        return False


@register()
def check_required_settings(**_: Any) -> list[CheckMessage]:
    """Each setting without a default must be there in stage and production."""
    if not _is_deployed():
        return []
    return [
        Error(
            f"{name} is not set.",
            hint=f"Set {name} or {name}_FILE in the environment: {purpose}.",
            id="raiox.E001",
        )
        for name, purpose in _REQUIRED.items()
        if not _is_set(name)
    ]


def explain_missing_secret_key() -> None:
    """Say all that is missing where Django would stop at the key, before any check can run."""
    if _is_deployed() and not _is_set("SECRET_KEY"):
        raise ImproperlyConfigured("\n".join(str(error) for error in check_required_settings()))


@register()
def check_download_origins(**_: Any) -> list[CheckMessage]:
    """Extra download origins exist for the sandbox; on the internet they would be a hole."""
    if not (_is_deployed() and settings.DOWNLOAD_EXTRA_ORIGINS):
        return []
    return [
        Error(
            "DOWNLOAD_EXTRA_ORIGINS is set.",
            hint="It is for the sandbox in local and test mode: unset it.",
            id="raiox.E002",
        )
    ]


@register()
def check_shared_rate_limits(**_: Any) -> list[CheckMessage]:
    """Several web processes count requests together only through Redis."""
    if settings.WEB_PROCESSES <= 1 or settings.REDIS_URL or not _is_deployed():
        return []
    return [
        Error(
            "WEB_PROCESSES is above 1 without REDIS_URL.",
            hint="Set REDIS_URL, or serve with one process and more threads.",
            id="raiox.E003",
        )
    ]
