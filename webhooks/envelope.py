"""Read Jotform's envelope `{"responseCode", "message", "content", "limit-left"}`, errors included.

Errors come as an HTTP status or inside a 200: both are checked.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from webhooks.body import is_too_deep
from webhooks.errors import (
    Call,
    JotformError,
    NotFound,
    Permanent,
    QuotaExceeded,
    Transient,
    Unauthorized,
)

EASTERN = ZoneInfo("America/New_York")
_KEPT = ("responseCode", "message", "limit-left")
_MESSAGE_LENGTH = 200
_BODY_LENGTH = 500
_API_LIMIT = re.compile(r"\bapi[- ]limit", re.IGNORECASE)
_ANY_LIMIT = re.compile(r"\blimit|\bquota\b|too many requests", re.IGNORECASE)
_UNAUTHORIZED = (
    "Jotform refuses ({code}): the API key is wrong or lacks the right, or what was asked for "
    "doesn't exist or belongs to another account. It said: {message}"
)


@dataclass(frozen=True)
class Envelope:
    """An HTTP answer taken apart. `hidden` are texts that must not get into messages and rows."""

    status: int
    headers: Mapping[str, str]
    raw: bytes = field(repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)

    @cached_property
    def fields(self) -> dict[str, Any] | None:
        """The envelope as a dict; None when it is something else, or nested beyond reading."""
        try:
            found = json.loads(self.raw)
        except (ValueError, RecursionError):
            return None
        if is_too_deep(found):
            return None
        return found if isinstance(found, dict) and "responseCode" in found else None

    @property
    def message(self) -> str:
        """What Jotform says, without secrets, shortened; of a page its beginning."""
        said = str(self.fields.get("message") or "") if self.fields else self.excerpt
        return self._shown(said)[:_MESSAGE_LENGTH]

    @property
    def code(self) -> int:
        """The status that counts: HTTP's if it is no success, else `responseCode`, or 0."""
        if self.status >= 300:
            return self.status
        try:
            return int(str((self.fields or {}).get("responseCode")))
        except ValueError:
            return 0

    @property
    def excerpt(self) -> str:
        """The envelope without its content, which may hold what patients wrote; of anything else
        the beginning, unless it looks like broken JSON, which may hold the same."""
        if self.fields is not None:
            kept = {name: self.fields[name] for name in _KEPT if name in self.fields}
            return self._shown(json.dumps(kept, ensure_ascii=False))[:_BODY_LENGTH]
        text = " ".join(self.raw.decode(errors="replace").split())
        if text.startswith(("{", "[", '"')):
            return f"(unreadable JSON, {len(self.raw)} bytes)"
        return self._shown(text)[:_BODY_LENGTH]

    def content(self, call: Call) -> Any:
        """The content of a good answer; raises the JotformError that fits a bad one."""
        if self.fields is None and self.status < 300:
            raise Transient("Jotform's answer is not its envelope", call)
        if self.code != 200 or self.fields is None:
            raise self._error(call)
        return self.fields.get("content")

    def _error(self, call: Call) -> JotformError:
        code, said = self.code, self.message
        if self._is_limit():
            retry_at = _retry_at(self.headers)
            return QuotaExceeded(f"Jotform's limit is used up: {said}", call, retry_at)
        if code in (401, 403):
            return Unauthorized(_UNAUTHORIZED.format(code=code, message=said), call)
        if code == 404:
            return NotFound(f"Jotform knows nothing of this. It said: {said}", call)
        if 300 <= code < 400:
            return Permanent("Jotform sends us elsewhere: is JOTFORM_API_URL right?", call)
        if code == 408 or code >= 500 or code < 200:
            return Transient(f"Jotform failed ({code}). It said: {said}", call)
        return Permanent(f"Jotform refuses ({code}). It said: {said}", call)

    def _is_limit(self) -> bool:
        """A 403 that mentions any limit; elsewhere (`limit` is also a parameter) the API's own."""
        pattern = _ANY_LIMIT if self.code == 403 else _API_LIMIT
        return self.code == 429 or bool(pattern.search(self.message))

    def _shown(self, text: str) -> str:
        """Without secrets, and without the characters that no database column takes."""
        for secret in self.hidden:
            text = text.replace(secret, "***")
        return text.replace("\0", "").encode(errors="replace").decode()


def next_reset(now: datetime) -> datetime:
    """The next midnight in US Eastern time, when Jotform counts from zero again (aware, UTC)."""
    tomorrow = now.astimezone(EASTERN).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, EASTERN).astimezone(UTC)


def _retry_at(headers: Mapping[str, str]) -> datetime:
    """Midnight, or sooner where the server itself names the seconds (a burst, not the day)."""
    now = datetime.now(UTC)
    seconds = headers.get("retry-after", "")
    if not re.fullmatch(r"[0-9]{1,6}", seconds):
        return next_reset(now)
    return min(next_reset(now), now + timedelta(seconds=int(seconds)))
