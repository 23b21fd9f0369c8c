"""From a host name to the addresses a connection may go to: resolved once, all of them judged."""

import ipaddress
import socket
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from socket import getaddrinfo

from raiox.common.http.errors import DownloadFailed, HostNotAllowed

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_MOST_ADDRESSES = 4


@dataclass(frozen=True)
class Address:
    """What `socket.connect` takes: the literal address, so that no name is looked up again."""

    family: int
    sockaddr: tuple[str | int | bytes, ...]


def resolve(host: str, port: int, *, private_too: bool, seconds: float) -> list[Address]:
    """Look the name up once. Raises HostNotAllowed if any address is not public: a name that
    answers with one good and one internal address is an attack, not a choice."""
    addresses = _lookup(host, port, seconds)
    if not private_too and not all(is_public(address.sockaddr[0]) for address in addresses):
        raise HostNotAllowed(f"{host} resolves to an address that is not public")
    return addresses[:_MOST_ADDRESSES]


def is_public(text: object) -> bool:
    """Whether an address belongs to the public internet, also judging the IPv4 address that an
    IPv6 one carries (mapped, 6to4, NAT64: the network would deliver to it)."""
    try:
        address = ipaddress.ip_address(str(text))
    except ValueError:
        return False
    embedded = _embedded_ipv4(address)
    if embedded is not None:
        return is_public(str(embedded))
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def _embedded_ipv4(address: IPAddress) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _lookup(host: str, port: int, seconds: float) -> list[Address]:
    """In a thread, because the system's resolver knows no deadline."""
    answers: SimpleQueue[list[Address] | OSError | UnicodeError] = SimpleQueue()
    threading.Thread(target=_look_up_into, args=(answers, host, port), daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise DownloadFailed(f"{host}: looking up the name took too long", transient=True) from None
    if isinstance(answer, Exception) or not answer:
        raise DownloadFailed(f"{host}: the name can't be resolved", transient=True)
    return answer


def _look_up_into(
    answers: "SimpleQueue[list[Address] | OSError | UnicodeError]", host: str, port: int
) -> None:
    try:
        found = getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answers.put(error)
    else:
        answers.put([Address(family, sockaddr) for family, _, _, _, sockaddr in found])
