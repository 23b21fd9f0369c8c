"""URLs from outside: written the one way we send them, taken apart once, checked against hosts.

The request is built from the parts that were checked, never from the text: a URL that two parsers
read differently has nothing to gain here.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from raiox.common.http.errors import HostNotAllowed

_DEFAULT_PORTS = {"https": 443, "http": 80}
_CONTROL_OR_BACKSLASH = re.compile(r"[\x00-\x1f\x7f\\]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST_PATTERN = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_SAFE_IN_PATH = "%/:@!$&'()*+,;=~"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?"


@dataclass(frozen=True)
class HostRules:
    """Which hosts may be asked, always over https on port 443.

    An entry is an exact name (`www.jotform.com`) or, with a leading dot, every name below a domain
    (`.jotform.com`: `eu.jotform.com` and `a.b.jotform.com`, but not `jotform.com` itself).
    Malformed entries raise ValueError: a typing error must not quietly widen or empty the list.
    """

    entries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for entry in self.entries:
            if not _HOST_PATTERN.fullmatch(entry):
                raise ValueError(f"not a host name or .suffix: {entry!r}")

    def allow(self, host: str) -> bool:
        return any(
            host.endswith(entry) if entry.startswith(".") else host == entry
            for entry in self.entries
        )


@dataclass(frozen=True)
class Target:
    """One checked place to send a request to. `path` starts with a slash and includes the query.

    `is_extra` marks an origin the operator named exactly (the sandbox): it alone may be plain
    http, on another port, or at a private address.
    """

    scheme: str
    host: str
    port: int
    path: str
    is_extra: bool = False

    @property
    def default_port(self) -> int:
        return _DEFAULT_PORTS[self.scheme]

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the default one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == self.default_port else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def url_without_query(self) -> str:
        """What may be stored or logged: signed URLs keep their secret in the query."""
        return self.origin + self.path.partition("?")[0]


def normalise(url: str) -> str:
    """The URL with everything percent-encoded that must be, and nothing encoded twice.

    Jotform sends `rx 1.png` in one place and `rx%201.png` in another: both become `rx%201.png`. A
    percent sign that starts no escape becomes `%25`. The fragment is dropped.
    """
    parts = _split(url)
    path = quote(_STRAY_PERCENT.sub("%25", parts.path), safe=_SAFE_IN_PATH) or "/"
    query = quote(_STRAY_PERCENT.sub("%25", parts.query), safe=_SAFE_IN_QUERY)
    return f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a configured URL, in its one spelling. Raises ValueError."""
    try:
        return parse(url).origin
    except HostNotAllowed as error:
        raise ValueError(f"not a usable URL: {error}") from None


def parse(url: str) -> Target:
    """Take a URL apart without judging its host. Raises HostNotAllowed when it can't be used."""
    parts = _split(normalise(url))
    try:
        port = parts.port
    except ValueError:
        raise HostNotAllowed("the URL has no valid port") from None
    host = parts.hostname or ""
    if not host or not host.isascii():
        raise HostNotAllowed("the URL has no usable host name")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    chosen = _DEFAULT_PORTS[parts.scheme] if port is None else port
    return Target(parts.scheme, host, chosen, path)


def _split(url: str) -> SplitResult:
    # urlsplit drops tabs and line ends silently, and browsers read a backslash as a slash.
    if _CONTROL_OR_BACKSLASH.search(url):
        raise HostNotAllowed("the URL contains control characters or backslashes")
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise HostNotAllowed("the URL can't be read") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise HostNotAllowed("the URL is neither https nor http")
    if "@" in parts.netloc:
        raise HostNotAllowed("the URL carries credentials")
    if re.search(r"\s|%", parts.netloc):
        raise HostNotAllowed("the URL has no usable host name")
    return parts
