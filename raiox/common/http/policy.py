"""The rules of one kind of request: where it may go, how long it may take, how much it brings."""

import ssl
from dataclasses import dataclass, field, replace

from raiox.common.http.errors import HostNotAllowed
from raiox.common.http.urls import HostRules, Target, origin_of, parse

MAX_BYTES = 5 * 1024 * 1024
SECONDS = 10.0
MAX_REDIRECTS = 5


@dataclass(frozen=True)
class Policy:
    """`hosts`: entries of HostRules, reached over https, port 443, at public addresses only.

    `extra_origins`: exact origins (`http://127.0.0.1:8001`) exempt from those three; anything that
    is more than an origin raises ValueError. `seconds` covers names, connections, redirects and
    the whole body; `max_bytes` the body. `ssl_context` replaces the system's certificate store.
    """

    hosts: tuple[str, ...] = ()
    extra_origins: tuple[str, ...] = ()
    max_bytes: int = MAX_BYTES
    seconds: float = SECONDS
    max_redirects: int = MAX_REDIRECTS
    ssl_context: ssl.SSLContext | None = None
    _rules: HostRules = field(init=False, repr=False)
    _origins: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rules", HostRules(self.hosts))
        object.__setattr__(self, "_origins", frozenset(map(exact_origin, self.extra_origins)))

    def check(self, url: str) -> Target:
        """The target of this URL, its addresses still unjudged. Raises HostNotAllowed."""
        target = parse(url)
        if target.origin in self._origins:
            return replace(target, is_extra=True)
        if target.scheme != "https":
            raise HostNotAllowed("only https is allowed")
        if target.port != target.default_port:
            raise HostNotAllowed("only the default port is allowed")
        if not self._rules.allow(target.host):
            raise HostNotAllowed("this host is not on the list")
        return target


def exact_origin(text: str) -> str:
    """A configured origin in its one spelling. Raises ValueError when it is more than an origin."""
    origin = origin_of(text)
    if parse(text).path != "/":
        raise ValueError("an origin has no path and no query")
    return origin
