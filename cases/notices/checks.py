"""System checks of what telling people needs: a setting that can't work says so at the start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from cases.notices.times import clock
from raiox.common.http import origin_of


@register()
def check_hours(**_: Any) -> list[CheckMessage]:
    """Hours are written as 08:00, and there is at least one for digests."""
    hours = {"SUMMARY_TIME": [settings.SUMMARY_TIME], "DIGEST_TIMES": settings.DIGEST_TIMES}
    return [
        Error(
            f"{name} is malformed.",
            hint="Write hours of the day as 08:00, separated by commas in DIGEST_TIMES.",
            id="raiox.E005",
        )
        for name, given in hours.items()
        if not given or not all(map(_is_hour, given))
    ]


@register()
def check_sender(**_: Any) -> list[CheckMessage]:
    """Mail servers refuse senders that don't exist."""
    if not settings.EMAIL_IS_CONFIGURED or not settings.DEFAULT_FROM_EMAIL.endswith("@localhost>"):
        return []
    return [
        Warning(
            "EMAIL_URL is set without DEFAULT_FROM_EMAIL.",
            hint="Set the sender's address: Raiox AI <raiox@your.domain>.",
            id="raiox.W001",
        )
    ]


@register()
def check_chat(**_: Any) -> list[CheckMessage]:
    """A bot needs a chat, a chat needs a bot, and both an address to write to."""
    given = (settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID)
    if not any(given):
        return []
    if all(given) and _is_address(settings.TELEGRAM_API_URL):
        return []
    return [
        Error(
            "Telegram is set up in part.",
            hint="Set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID, or neither; TELEGRAM_API_URL is "
            "https://api.telegram.org unless you have a server of your own.",
            id="raiox.E006",
        )
    ]


def _is_hour(text: str) -> bool:
    try:
        clock(text)
    except ValueError:
        return False
    return True


def _is_address(url: str) -> bool:
    try:
        origin_of(url)
    except ValueError:
        return False
    return True
