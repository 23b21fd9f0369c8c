"""System checks: a setting that is missing or unsafe explains itself before the service starts."""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register, run_checks
from django.core.exceptions import ImproperlyConfigured

from raiox.common.http import HostNotAllowed, Policy, origin_of

SETTINGS: Final = "settings"
"""The tag of checks that need nothing but settings: `up` runs them before it starts anything."""

# Setting -> what it is for; each must be set in stage and production.
_REQUIRED = {
    # pragma: allowlist nextline secret
    "SECRET_KEY": "signs sessions and links; generate a long random value",
    "WEBHOOK_TOKENS": "the secrets in the webhook's URL, separated by commas",
    "PUBLIC_URL": "the address under which people and Jotform reach the service",
    "ALLOWED_HOSTS": "the host names the service answers to, separated by commas",
    "JOTFORM_API_KEY": "reads submissions and writes the answers",  # pragma: allowlist secret
    "DO_SPACES_BUCKET": "the private bucket for radiographs",
    "DO_SPACES_KEY": "the access key of the bucket",
    "DO_SPACES_SECRET": "the secret key of the bucket",  # pragma: allowlist secret
}


def _is_deployed() -> bool:
    return settings.RAIOX_ENV in ("stage", "production")


def _is_set(name: str) -> bool:
    try:
        return bool(getattr(settings, name))
    except ImproperlyConfigured:  # Django's own answer to reading an empty SECRET_KEY
        return False


@register(SETTINGS)
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
        ours = (
            check_required_settings, check_download_origins,
            check_shared_rate_limits, check_addresses,
        )  # fmt: skip
        raise _refusal(found for check in ours for found in check())


def refuse_unsafe_settings() -> None:
    """Run the system checks where nobody else does: a WSGI server serves without asking them.

    Raises `ImproperlyConfigured` with everything that is wrong and how to put it right.
    """
    serious = [found for found in run_checks() if found.is_serious() and not found.is_silenced()]
    if serious:
        raise _refusal(serious)


def _refusal(messages: Iterable[CheckMessage]) -> ImproperlyConfigured:
    return ImproperlyConfigured("\n".join(map(str, messages)))


@register(SETTINGS)
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


@register(SETTINGS)
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


@register(SETTINGS)
def check_addresses(**_: Any) -> list[CheckMessage]:
    """An address that can't be used says so now, not at the first case that needs it."""
    return [error for name in _ADDRESSES if (error := _address_error(name))]


def _address_error(name: str) -> CheckMessage | None:
    probe, hint = _ADDRESSES[name]
    try:
        probe()
    except (ValueError, HostNotAllowed) as error:
        return Error(f"{name} is malformed: {error}.", hint=hint, id="raiox.E004")
    return None


def _probe_api_url() -> None:
    """As `webhooks.client` will go there: https on port 443, or an extra origin."""
    origin = origin_of(settings.JOTFORM_API_URL)
    extra = (origin,) if origin in settings.DOWNLOAD_EXTRA_ORIGINS else ()
    policy = Policy(hosts=(urlsplit(origin).hostname or "",), extra_origins=extra)
    policy.check(settings.JOTFORM_API_URL)


def _probe_internal_place(place: str) -> None:
    if place and not (place.startswith("/") and place.endswith("/")):
        raise ValueError(place)


def _probe_dsn() -> None:
    if settings.SENTRY_DSN:
        from sentry_sdk.utils import Dsn  # a tenth of a second of each start

        Dsn(settings.SENTRY_DSN)


# Setting -> what raises where it can't be used, and how it is written.
_ADDRESSES: dict[str, tuple[Callable[[], object], str]] = {
    "JOTFORM_API_URL": (
        _probe_api_url,
        "Write the API's address as https://api.jotform.com (eu-api.jotform.com, or your own).",
    ),
    "JOTFORM_FILE_HOSTS": (
        lambda: Policy(hosts=tuple(settings.JOTFORM_FILE_HOSTS)),
        "Write host names separated by commas; one that begins with a dot stands for everything "
        "below that domain: jotform.com,.jotform.com",
    ),
    "SENTRY_DSN": (
        _probe_dsn,
        "Write the DSN as Sentry's project settings show it: https://KEY@HOST/PROJECT",
    ),
    "FILES_X_ACCEL": (
        lambda: _probe_internal_place(settings.FILES_X_ACCEL),
        "Write a path that begins and ends with a slash, as nginx has it: /_films/",
    ),
    "TRUSTED_PROXIES": (
        lambda: [ipaddress.ip_network(entry) for entry in settings.TRUSTED_PROXIES],
        "Write addresses or networks separated by commas: 127.0.0.1,10.0.0.0/8",
    ),
    "METRICS_NETWORKS": (
        lambda: [ipaddress.ip_network(entry) for entry in settings.METRICS_NETWORKS],
        "Write addresses or networks separated by commas: 127.0.0.1,10.0.0.0/8",
    ),
    "DOWNLOAD_EXTRA_ORIGINS": (
        lambda: Policy(extra_origins=tuple(settings.DOWNLOAD_EXTRA_ORIGINS)),
        "Write origins without a path, separated by commas: http://127.0.0.1:8001",
    ),
}
