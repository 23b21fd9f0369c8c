"""Who is at the other end of a request, when proxies of ours stand in between."""

import ipaddress
from typing import Final

from django.conf import settings
from django.http import HttpRequest

_OF_ONE_CLIENT: Final = 64
"""Bits of an IPv6 address that a provider gives a customer, who chooses the others herself."""


def client_address(request: HttpRequest) -> str:
    """The client's address; `X-Forwarded-For` counts only as far as our own proxies wrote it.

    Where one of them wrote something that is no address, its own address is given.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    for hop in reversed(hops(request)):
        if _parse(hop) is None:
            break
        address = hop
        if not is_proxy(hop):
            break
    return address


def counted_address(request: HttpRequest) -> str:
    """Whom limits count: the client's IPv4 address, or the first address of its IPv6 /64.

    Counted whole, one customer of a provider would be 2 ** 64 clients.
    """
    address = client_address(request)
    found = _parse(address)
    if isinstance(found, ipaddress.IPv6Address):
        network = ipaddress.IPv6Network((int(found), _OF_ONE_CLIENT), strict=False)
        return str(network.network_address)
    return address if found is None else str(found)


def hops(request: HttpRequest) -> list[str]:
    """Everybody on the way, the farthest first; a client can invent the first ones."""
    told = request.headers.get("X-Forwarded-For", "").split(",")
    return [hop.strip() for hop in [*told, request.META.get("REMOTE_ADDR", "")] if hop.strip()]


def is_proxy(hop: str) -> bool:
    """Whether this address is one of our own proxies'."""
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
