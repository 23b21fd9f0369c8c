"""Requests to the running service, as a stranger would send them: nothing is taken from memory."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from raiox.common.http import Deadline, Policy, exchange, origin_of

_SECONDS: Final = 30.0
_MAX_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and when its headers had come: seconds since 1970 by this machine's clock.

    `took` is the time from the request to its headers, in seconds. Header names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    at: float
    took: float

    def json(self) -> Any:
        """The body; raises ValueError when it is no JSON."""
        return json.loads(self.body)


def ask(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """One request; redirects are answers too. Raises `FetchError` when nothing answers.

    The operator names the address, so it may be any, loopback and private networks included.
    """
    target = Policy(extra_origins=(_origin(url),)).check(url)
    started = time.time()
    with exchange(
        method, target, headers=headers or {}, body=body, deadline=Deadline(_SECONDS)
    ) as incoming:
        at = time.time()
        raw = incoming.read(_MAX_BYTES)
        return Answer(incoming.status, incoming.headers, raw, at, at - started)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return origin_of(f"{parts.scheme}://{parts.netloc}")
