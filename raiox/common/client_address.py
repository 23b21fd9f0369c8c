"""Who is at the other end of a request, when proxies of ours stand in between."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The client's address; `X-Forwarded-For` counts only as far as our own proxies wrote it.

    Where one of them wrote something that is no address, its own address is given.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    for hop in reversed(hops(request)):
        if _parse(hop) is None:
            break
        address = hop
        if not _is_trusted(hop):
            break
    return address


def hops(request: HttpRequest) -> list[str]:
    """Everybody on the way, the farthest first; a client can invent the first ones."""
    told = request.headers.get("X-Forwarded-For", "").split(",")
    return [hop.strip() for hop in [*told, request.META.get("REMOTE_ADDR", "")] if hop.strip()]


def _is_trusted(hop: str) -> bool:
    address = _parse(hop)
    networks = (ipaddress.ip_network(entry) for entry in settings.TRUSTED_PROXIES)
    return address is not None and any(address in network for network in networks)


def _parse(hop: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; an IPv4 address as a socket for IPv6 writes it is the same address."""
    try:
        address = ipaddress.ip_address(hop)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
