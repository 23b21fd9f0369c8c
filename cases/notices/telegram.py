"""One message into one Telegram chat. The bot's token is part of the address: it is in no log.

Source: https://core.telegram.org/bots/api#sendmessage
"""

import json
from urllib.parse import urlsplit

from django.conf import settings

from cases.notices.outcome import NotSent
from raiox.common.http import Deadline, FetchError, Policy, exchange, origin_of

_SECONDS = 15.0
_MAX_TEXT = 4096
_MAX_BYTES = 64 * 1024


def send_message(text: str) -> None:
    """Write `text` into the configured chat. Raises NotSent."""
    origin = origin_of(settings.TELEGRAM_API_URL)
    extra = (origin,) if origin in settings.DOWNLOAD_EXTRA_ORIGINS else ()
    policy = Policy(hosts=(urlsplit(origin).hostname or "",), extra_origins=extra)
    target = policy.check(f"{origin}/bot{settings.TELEGRAM_BOT_TOKEN}/sendMessage")
    content = {
        "chat_id": settings.TELEGRAM_CHAT_ID,
        "text": text[:_MAX_TEXT],
        "link_preview_options": {"is_disabled": True},
    }
    headers = {"Content-Type": "application/json"}
    try:
        with exchange(
            "POST", target, headers=headers, deadline=Deadline(_SECONDS),
            body=json.dumps(content).encode(),
        ) as answer:  # fmt: skip
            answer.read(_MAX_BYTES)
            status = answer.status
    except FetchError as error:
        raise NotSent(type(error).__name__, transient=error.transient) from None
    if status != 200:
        raise NotSent(f"answered {status}", transient=status == 429 or status >= 500)
