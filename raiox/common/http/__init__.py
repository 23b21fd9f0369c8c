"""Guarded HTTP: the only way this project opens a connection to an address that came from outside.

`fetch` downloads a URL somebody sent us; `exchange` is one request to a checked target. What both
hold: https, listed hosts, public addresses, the connection goes to the address that was checked,
no automatic redirects, one deadline over everything, a cap on every size, no proxies or cookies.
"""

from raiox.common.http.errors import DownloadFailed, FetchError, HostNotAllowed, TooLarge
from raiox.common.http.exchange import Deadline, Incoming, exchange
from raiox.common.http.fetch import Fetched, SecretHeaders, fetch
from raiox.common.http.policy import Policy
from raiox.common.http.urls import HostRules, Target, normalise, origin_of

__all__ = [
    "Deadline",
    "DownloadFailed",
    "FetchError",
    "Fetched",
    "HostNotAllowed",
    "HostRules",
    "Incoming",
    "Policy",
    "SecretHeaders",
    "Target",
    "TooLarge",
    "exchange",
    "fetch",
    "normalise",
    "origin_of",
]
