"""The door for Jotform: authenticate, cap, store, defer, answer. No network, no image work here."""

import hashlib
import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django_ratelimit.core import get_usage

from raiox.common.client_address import client_address, counted_address
from webhooks import body as bodies
from webhooks import inbox, signature

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, token: str | None = None) -> JsonResponse:
    """`POST /webhook/<token>` and `POST /webhook`.

    Answers 200 when the event is kept, 400 malformed, 401 bad token or signature, 413, 429.
    """
    if token is not None and signature.matches_any(token, settings.WEBHOOK_TOKENS):
        return _count_then(request, token, lambda: _take(request, has_token=True))
    if _is_stranger_over_rate(request, count=False):
        return _too_many()
    if token is not None:
        _is_stranger_over_rate(request, count=True)
        return _stranger(request, "bad_token", _("The token in the address is not valid."))
    return _take(request, has_token=False)


def _take(request: HttpRequest, *, has_token: bool) -> JsonResponse:
    """Read, check the signature, parse, store."""
    try:
        raw = bodies.read_capped(request, settings.WEBHOOK_MAX_BODY_BYTES)
    except bodies.BodyTooLarge:
        return _refusal(413, "too_large", _("The body is too large."))
    signed = _signature_verdict(request, raw)
    if signed is False or (signed is None and not _may_be_unsigned(has_token)):
        _is_stranger_over_rate(request, count=True)
        return _stranger(request, "bad_signature", _("The signature is missing or not valid."))
    if has_token:
        return _store(request, raw)
    if signed:
        return _count_then(request, "signed", lambda: _store(request, raw))
    if _is_stranger_over_rate(request, count=True):
        return _too_many()
    return _store(request, raw)


def _store(request: HttpRequest, raw: bytes) -> JsonResponse:
    try:
        body = bodies.parse_body(request.headers.get("Content-Type", ""), raw)
    except bodies.MalformedBody as error:
        logger.warning("webhook refused: malformed body", extra={"reason": str(error)})
        return _refusal(400, "malformed", _("The body could not be read."))
    inbox.receive(body, raw)
    return JsonResponse({"status": "accepted"})


def _signature_verdict(request: HttpRequest, raw: bytes) -> bool | None:
    """True or False for a signature that is there, None when there is none."""
    given = request.headers.get(signature.HEADER)
    return None if given is None else signature.is_signed(raw, given, settings.JF_SECRET)


def _may_be_unsigned(has_token: bool) -> bool:
    """Without a token only in local mode without secrets; never where a signature is required."""
    is_open = settings.IS_DEVELOPMENT and not settings.JF_SECRET
    return (has_token or is_open) and not settings.WEBHOOK_REQUIRE_SIGNATURE


def _count_then(request: HttpRequest, secret: str, act: Callable[[], JsonResponse]) -> JsonResponse:
    """Act unless `secret` was used too often; the cache never sees the secret itself."""
    who = hashlib.sha256(secret.encode()).hexdigest()
    return _too_many() if _is_over(request, "webhook", who, settings.WEBHOOK_RATE) else act()


def _is_stranger_over_rate(request: HttpRequest, *, count: bool) -> bool:
    """Whether this address sent too much that was not authenticated; `count` counts this one."""
    who, rate = counted_address(request), settings.WEBHOOK_RATE_UNAUTHENTICATED
    return _is_over(request, "webhook-stranger", who, rate, count=count)


def _is_over(request: HttpRequest, group: str, who: str, rate: str, *, count: bool = True) -> bool:
    """Nobody is while the counts can't be reached: a webhook that is refused may be lost."""
    usage = get_usage(request, group=group, key=lambda *_: who, rate=rate, increment=count)
    if usage is None:
        logger.warning("webhook not counted: the cache does not answer", extra={"rate": group})
        return False
    return bool(usage["should_limit"])


def _stranger(request: HttpRequest, code: str, message: str) -> JsonResponse:
    """401, and a line with the address: fail2ban shuts out who goes on."""
    told = {"reason": code, "client": client_address(request)}
    logger.warning("webhook refused", extra=told)
    return _refusal(401, code, message)


def _too_many() -> JsonResponse:
    return _refusal(429, "too_many_requests", _("Too many requests."))


def _refusal(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
