"""Which addresses may be posted to: public ones, and the networks that a deployment allows.

The rules are spelled out here, since what the standard library calls private differs from one Python to
the next.  Sources: IANA's special-purpose address registries for IPv4 and IPv6, and the RFCs named below.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from headworks.errors import InvalidDeclaration, excerpt
from headworks.outbound.errors import AddressRefused, ConnectionFailed, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL_IPV4 = {
    IPv4Network("0.0.0.0/8"): "this network",
    IPv4Network("10.0.0.0/8"): "private",
    IPv4Network("100.64.0.0/10"): "a carrier's shared space",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("169.254.0.0/16"): "link-local, where metadata services are",
    IPv4Network("172.16.0.0/12"): "private",
    IPv4Network("192.0.0.0/24"): "reserved for protocols",
    IPv4Network("192.0.2.0/24"): "for documentation",
    IPv4Network("192.88.99.0/24"): "a 6to4 relay",
    IPv4Network("192.168.0.0/16"): "private",
    IPv4Network("198.18.0.0/15"): "for benchmarks",
    IPv4Network("198.51.100.0/24"): "for documentation",
    IPv4Network("203.0.113.0/24"): "for documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}
# Within 2000::/3, the only part of IPv6 that is routed in public.
_SPECIAL_IPV6 = {
    IPv6Network("2001::/23"): "reserved for protocols, Teredo among them",
    IPv6Network("2001:db8::/32"): "for documentation",
    IPv6Network("2002::/16"): "a 6to4 tunnel",
    IPv6Network("3fff::/20"): "for documentation",
}
_PUBLIC_IPV6 = IPv6Network("2000::/3")
# RFC 6052's prefix for NAT64: how public IPv4 hosts look from a subnet that has only IPv6.
_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 5214: an interface identifier that holds an IPv4 address, behind any prefix.
_ISATAP = (0x00005EFE, 0x02005EFE)

_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.IGNORECASE | re.DOTALL)


class Resolver(Protocol):
    """Looks a name up, as `socket.getaddrinfo` does."""

    def __call__(
        self,
        host: str,
        port: int,
        *,
        type: int = 0,  # noqa: A002 - getaddrinfo's own name
    ) -> Iterable[tuple[Any, Any, Any, Any, tuple[Any, ...]]]:
        """The name's addresses, the preferred one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Host names to addresses that may be posted to.

    A name is looked up once, and whoever connects uses the answer: a server that answers
    differently the next time changes nothing.  One forbidden address among the answers
    refuses them all, since a name that points inwards and outwards at once is no
    subscriber's.
    """

    allowed: tuple[Network, ...] = ()
    resolver: Resolver = socket.getaddrinfo

    def of(self, host: str, port: int, *, within: timedelta) -> tuple[Address, ...]:
        """The host's addresses, the preferred one first, each of them fit to be posted to.

        Raises `AddressRefused`, `ConnectionFailed` if the name has no address, `TimedOut`.
        """
        written = literal(host)
        addresses = (written,) if written else self._look_up(host, port, within)
        for address in addresses:
            if why := refusal(address, self.allowed):
                raise AddressRefused(f"{excerpt(host)} is {address}, which is {why}")
        return addresses

    def _look_up(self, host: str, port: int, within: timedelta) -> tuple[Address, ...]:
        """Ask the resolver in a thread of its own: it can't be interrupted, only waited for no longer."""
        answers: SimpleQueue[list[Any] | OSError | UnicodeError] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(list(self.resolver(host, port, type=socket.SOCK_STREAM)))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        Thread(target=ask, name="look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=within.total_seconds())
        except Empty as error:
            raise TimedOut(
                f"looking up {excerpt(host)} took longer than {within.total_seconds():.1f} s"
            ) from error
        if not isinstance(answer, list):
            raise ConnectionFailed(f"{excerpt(host)} can't be looked up: {answer}") from answer
        if not answer:
            raise ConnectionFailed(f"{excerpt(host)} has no address")
        return tuple(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in answer))


def networks(cidrs: Iterable[str]) -> tuple[Network, ...]:
    """Networks as a deployment writes them.  Raises `InvalidDeclaration` for what isn't one."""
    try:
        return tuple(ip_network(cidr) for cidr in cidrs)
    except ValueError as error:
        raise InvalidDeclaration(f"an allowed network isn't written as one (10.0.0.0/8): {error}") from error


def literal(host: str) -> Address | None:
    """The address that a host is when it isn't a name.

    Raises `AddressRefused` for an address in a spelling other than the usual one, such as `2130706433` or
    `0x7f.1`: what comes of those depends on who reads them.
    """
    if ":" not in host and not _ENDS_IN_NUMBER.fullmatch(host):
        return None
    try:
        address = ip_address(host)
    except ValueError as error:
        raise AddressRefused(f"{excerpt(host)} is no usual spelling of an address") from error
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise AddressRefused(f"{excerpt(host)} names a network interface of this machine")
    return address


def refusal(address: Address, allowed: tuple[Network, ...] = ()) -> str | None:
    """Why an address must not be posted to; None if it may.

    An address that holds another one (mapped, NAT64, ISATAP) needs both to be fit.
    """
    for each in _forms(address):
        if not any(each in network for network in allowed) and (why := _special(each)):
            return why if each is address else f"{each}, {why}"
    return None


def _forms(address: Address) -> Iterator[Address]:
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    else:
        yield address
        lower, middle = int(address) & 0xFFFF_FFFF, int(address) >> 32 & 0xFFFF_FFFF
        if address in _NAT64 or middle in _ISATAP:
            yield IPv4Address(lower)


def _special(address: Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((what for network, what in _SPECIAL_IPV4.items() if address in network), None)
    if address in _NAT64:
        return None
    if address not in _PUBLIC_IPV6:
        return "not a public IPv6 address"
    return next((what for network, what in _SPECIAL_IPV6.items() if address in network), None)
