"""Who is at the other end of a request, when proxies of ours stand in between."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The client's address; `X-Forwarded-For` counts only as far as our own proxies wrote it."""
    for hop in reversed(hops(request)):
        if not _is_trusted(hop):
            return hop
    return str(request.META["REMOTE_ADDR"])


def hops(request: HttpRequest) -> list[str]:
    """Everybody on the way, the farthest first; a client can invent the first ones."""
    told = [*request.headers.get("X-Forwarded-For", "").split(","), request.META["REMOTE_ADDR"]]
    return [hop.strip() for hop in told if hop.strip()]


def _is_trusted(hop: str) -> bool:
    try:
        address = ipaddress.ip_address(hop)
    except ValueError:
        return False
    networks = (ipaddress.ip_network(entry) for entry in settings.TRUSTED_PROXIES)
    return any(address in network for network in networks)
