"""Which addresses deliveries may go to."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.errors import InvalidDeclaration
from headworks.outbound.addresses import Address, Addresses, literal, networks, refusal
from headworks.outbound.errors import AddressRefused, ConnectionFailed, TimedOut

A_SECOND = timedelta(seconds=1)
LOOPBACK = networks(["127.0.0.0/8", "::1/128"])

REFUSED = {
    "this network": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - nothing binds to it
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
    ],
    "metadata services": ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd00:ec2::23"],
    "link-local": ["169.254.0.1", "fe80::1", "fe80::1%1", "febf::1"],
    "shared (CGNAT)": ["100.64.0.1", "100.100.100.200", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.0.170", "198.18.0.1", "198.19.255.255"],
    "for documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "outside 2000::/3": ["100::1", "200::1", "4000::1", "5f00::1", "e000::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:100.64.0.1"],
    "compatible": ["::127.0.0.1", "::10.0.0.1", "::8.8.8.8"],
    "translated": ["::ffff:0:127.0.0.1"],
    "NAT64": ["64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::10.1.2.3", "64:ff9b:1::8.8.8.8"],
    "6to4": ["2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:a00:1::", "2002:808:808::1"],
    "Teredo": ["2001:0:808:808::f5ff:fffe", "2001::1"],
    "ISATAP": ["2a00::5efe:10.0.0.1", "2a00::200:5efe:127.0.0.1", "2a00::5efe:169.254.169.254"],
}
PUBLIC = ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "223.255.255.255", "2606:4700::1111"]
PUBLIC_INSIDE = ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2a00::5efe:8.8.8.8"]


def embeddings(inner: IPv4Address) -> list[IPv6Address]:
    """The IPv6 addresses by which an IPv4 address is reached through a mapping, a translator or a tunnel."""
    low = int(inner)
    return [
        IPv6Address(0xFFFF << 32 | low),
        IPv6Address(low),
        IPv6Address(int(IPv6Address("64:ff9b::")) | low),
        IPv6Address(int(IPv6Address("64:ff9b:1::")) | low),
        IPv6Address(int(IPv6Address("2002::")) | low << 80),
        IPv6Address(int(IPv6Address("2001::")) | low << 64),
        IPv6Address(int(IPv6Address("2001::")) | low ^ 0xFFFF_FFFF),
        IPv6Address(int(IPv6Address("2a00::5efe:0:0")) | low),
    ]


def resolver_of(*answers: str) -> Any:
    def resolve(host: str, port: int, *, type: int = 0) -> list[Any]:  # noqa: A002 - getaddrinfo's own name
        return [(socket.AF_UNSPEC, type, 0, "", (answer, port)) for answer in answers]

    return resolve


@pytest.mark.parametrize("text", [address for some in REFUSED.values() for address in some])
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert refusal(ip_address(text))


@pytest.mark.parametrize("text", [*PUBLIC, *PUBLIC_INSIDE])
def test_a_public_address_is_not_refused(text: str) -> None:
    assert refusal(ip_address(text)) is None


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_passes_that_the_standard_library_calls_private(address: IPv4Address) -> None:
    assert refusal(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6, network="2000::/3"))
def test_no_ipv6_address_passes_that_the_standard_library_calls_private(address: IPv6Address) -> None:
    assert refusal(address) or address.is_global


@given(st.ip_addresses(v=4).filter(refusal))
def test_a_forbidden_address_stays_forbidden_however_it_is_embedded(inner: IPv4Address) -> None:
    assert all(refusal(outer) for outer in embeddings(inner))


def test_an_allowed_network_may_be_posted_to_in_both_its_spellings() -> None:
    assert refusal(ip_address("127.0.0.1"), LOOPBACK) is None
    assert refusal(ip_address("::ffff:127.0.0.1"), LOOPBACK) is None
    assert refusal(ip_address("::1"), LOOPBACK) is None


def test_allowing_one_network_allows_no_other() -> None:
    assert refusal(ip_address("10.0.0.1"), LOOPBACK)
    assert refusal(ip_address("169.254.169.254"), LOOPBACK)


def test_allowing_a_translator_does_not_allow_what_is_behind_it() -> None:
    assert refusal(ip_address("64:ff9b::169.254.169.254"), networks(["64:ff9b::/96"]))


@pytest.mark.parametrize("cidr", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "", "10.0.0.0/8;::1/128"])
def test_a_network_that_is_not_one_is_refused_with_a_sentence(cidr: str) -> None:
    with pytest.raises(InvalidDeclaration, match="an allowed network isn't written as one"):
        networks([cidr])


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "017700000001", "0x7f000001", "0x7F.1", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01",
        "0x7f.0x0.0x0.0x1", "127.0.0.0x1", "0x", "256.1.1.1", "1.2.3.4.5", "example.123", "::1%eth0", "fe80::1%25lo",
        "1::2::3", ":", "[::1]", "134744072",
    ],
)  # fmt: skip
def test_an_address_in_an_odd_spelling_is_refused_even_where_loopback_is_allowed(host: str) -> None:
    addresses = Addresses(allowed=LOOPBACK, resolver=resolver_of("127.0.0.1"))

    with pytest.raises(AddressRefused):
        addresses.of(host, 80, within=A_SECOND)


@pytest.mark.parametrize("host", ["example.com", "1.example", "0x7f.example", "xn--80ak6aa92e.com", "4u"])
def test_a_name_is_not_taken_for_an_address(host: str) -> None:
    assert literal(host) is None


@given(st.ip_addresses())
def test_an_address_in_its_usual_spelling_is_itself(address: Address) -> None:
    assert literal(str(address)) == address


def test_a_host_written_as_an_address_is_never_looked_up() -> None:
    def refuse(host: str, port: int, *, type: int = 0) -> Any:  # noqa: A002 - getaddrinfo's own name
        raise AssertionError("looked up")

    assert Addresses(resolver=refuse).of("8.8.8.8", 80, within=A_SECOND) == (IPv4Address("8.8.8.8"),)


def test_all_addresses_of_a_name_come_in_the_resolvers_order_once_each() -> None:
    addresses = Addresses(resolver=resolver_of("2606:4700::1111", "1.1.1.1", "1.1.1.1"))

    found = addresses.of("example.com", 443, within=A_SECOND)

    assert [str(address) for address in found] == ["2606:4700::1111", "1.1.1.1"]


@pytest.mark.parametrize(
    "answers", [("10.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("fe80::1%2",)]
)
def test_one_forbidden_address_among_the_answers_refuses_the_name(answers: tuple[str, ...]) -> None:
    addresses = Addresses(resolver=resolver_of(*answers))

    with pytest.raises(AddressRefused, match="example"):
        addresses.of("inside.example", 443, within=A_SECOND)


def test_a_name_without_addresses_is_a_failed_connection() -> None:
    with pytest.raises(ConnectionFailed, match="has no address"):
        Addresses(resolver=resolver_of()).of("nowhere.example", 443, within=A_SECOND)


@pytest.mark.parametrize(
    "error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")]
)
def test_a_failing_look_up_is_a_failed_connection(error: Exception) -> None:
    def fail(host: str, port: int, *, type: int = 0) -> Any:  # noqa: A002 - getaddrinfo's own name
        raise error

    with pytest.raises(ConnectionFailed, match="can't be looked up"):
        Addresses(resolver=fail).of("nowhere.example", 443, within=A_SECOND)


def test_a_look_up_that_hangs_is_waited_for_no_longer_than_allowed() -> None:
    release = threading.Event()
    asked = threading.Event()

    def hang(host: str, port: int, *, type: int = 0) -> Any:  # noqa: A002 - getaddrinfo's own name
        asked.set()
        release.wait(10)
        return []

    with pytest.raises(TimedOut, match=r"slow\.example.*0\.1 s"):
        Addresses(resolver=hang).of("slow.example", 443, within=timedelta(seconds=0.1))

    assert asked.is_set()
    release.set()
    for thread in threading.enumerate():
        if thread.name == "look-up":
            thread.join(5)
    assert not any(thread.name == "look-up" for thread in threading.enumerate())
