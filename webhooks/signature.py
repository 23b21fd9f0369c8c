"""Is this really Jotform, or one of our own clients? All comparisons take constant time."""

import hashlib
import hmac
from collections.abc import Iterable

HEADER = "x-jf-signature"


def matches_any(given: str, secrets: Iterable[str]) -> bool:
    """Whether `given` equals one of `secrets`; looks at all, so that timing tells nothing."""
    candidate = given.encode(errors="surrogateescape")
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(candidate, secret.encode())
    return found


def sign(body: bytes, secret: str) -> str:
    """The hex HMAC-SHA256 of `body` under `secret`, as it travels in `x-jf-signature`."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Whether `signature` is that of `body` under one of `secrets` (several: keys rotate)."""
    return matches_any(signature.lower(), [sign(body, secret) for secret in secrets])
