"""What can go wrong with Jotform's API, sorted by what the caller should do about it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Call:
    """One request to the API, as a Delivery row keeps it. Holds no key, no webhook address and
    nothing a patient wrote.

    `status` is the HTTP status, None when there was no answer; `body` is Jotform's envelope without
    its content, shortened.
    """

    method: str
    path: str
    status: int | None
    duration_ms: int
    body: str


class JotformError(Exception):
    """Base of the tree. `call` is None when nothing was sent."""

    def __init__(self, message: str, call: Call | None = None) -> None:
        super().__init__(message)
        self.call = call


class Transient(JotformError):
    """Ask again later: no connection, a time-out, 5xx, or an answer that can't be read.

    A write may have happened all the same: read before repeating it.
    """


class Permanent(JotformError):
    """Asking again won't help until a person changes something."""


class NotConfigured(Permanent):
    """JOTFORM_API_KEY is empty."""


class Unauthorized(Permanent):
    """401, or 403 without a word of limits: the key, or the thing asked for. Jotform answers 401
    for unknown submissions and those of other accounts, too, and doesn't say which it was."""


class ReadOnlyKey(Unauthorized):
    """A write was refused with 401, but the same thing can be read: the key may only read."""


class NotFound(Permanent):
    """404."""


class QuotaExceeded(JotformError):
    """The calls of the day are used up. Nothing will work before `retry_at` (aware)."""

    def __init__(self, message: str, call: Call, retry_at: datetime) -> None:
        super().__init__(message, call)
        self.retry_at = retry_at
