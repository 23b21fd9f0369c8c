"""Download a URL that came from outside."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from raiox.common.http.errors import DownloadFailed, HostNotAllowed
from raiox.common.http.exchange import Deadline, Incoming, exchange
from raiox.common.http.policy import Policy
from raiox.common.http.urls import Target, normalise

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True)
class SecretHeaders:
    """Headers for some targets only. Asked anew at each hop: a redirect elsewhere goes without."""

    values: Mapping[str, str] = field(repr=False)
    meant_for: Callable[[Target], bool]


@dataclass(frozen=True)
class Fetched:
    """A complete answer with status 200.

    `final_url` has no query, since that may be a signature; a path may be one too, so it is not for
    logs. `content_type` is what the server claims, in lower case without parameters, or empty.
    `elapsed` is in seconds, redirects included.
    """

    data: bytes = field(repr=False)
    final_url: str = field(repr=False)
    content_type: str
    status: int
    elapsed: float


def fetch(
    url: str,
    *,
    policy: Policy,
    headers: Mapping[str, str] | None = None,
    secret: SecretHeaders | None = None,
    on_redirect: Callable[[Target, str], None] | None = None,
    deadline: Deadline | None = None,
) -> Fetched:
    """GET the URL, following redirects by hand: every hop is checked in full again.

    `headers` go to every hop, `secret` only where it is meant for. `on_redirect(from, to_url)` may
    raise to stop before the next hop is judged. Without `deadline` the policy's time starts now.
    Raises HostNotAllowed, TooLarge or DownloadFailed (any status but 200, too).
    """
    deadline = deadline or Deadline(policy.seconds)
    started = time.monotonic()
    for _ in range(policy.max_redirects + 1):
        target = policy.check(url)
        with exchange(
            "GET",
            target,
            headers=_headers_for(target, headers or {}, secret),
            deadline=deadline,
            ssl_context=policy.ssl_context,
        ) as answer:
            location = _location(answer, target)
            if location is None:
                return _complete(answer, target, policy, started)
        if on_redirect:
            on_redirect(target, location)
        url = location
    raise DownloadFailed("too many redirects", transient=False)


def _headers_for(
    target: Target, headers: Mapping[str, str], secret: SecretHeaders | None
) -> dict[str, str]:
    allowed = secret.values if secret and secret.meant_for(target) else {}
    return {"Accept": "*/*", **headers, **allowed}


def _location(answer: Incoming, target: Target) -> str | None:
    """The absolute URL a redirect points to, or None when this is the last hop."""
    if answer.status not in _REDIRECTS:
        return None
    location = _as_utf8(answer.headers.get("location", "").strip())
    if not location:
        raise DownloadFailed("a redirect without a destination", transient=False)
    try:
        return normalise(urljoin(target.origin + target.path, location))
    except ValueError:
        raise HostNotAllowed("the redirect can't be read") from None


def _as_utf8(header: str) -> str:
    """Headers arrive read as Latin-1; raw file names in them are UTF-8 in practice."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header


def _complete(answer: Incoming, target: Target, policy: Policy, started: float) -> Fetched:
    if answer.status != 200:
        transient = answer.status >= 500 or answer.status in _PASSING
        raise DownloadFailed(
            f"{target.host} answered {answer.status}", transient=transient, status=answer.status
        )
    data = answer.read(policy.max_bytes)
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    elapsed = time.monotonic() - started
    return Fetched(data, target.url_without_query, content_type, answer.status, elapsed)
