"""Where a request goes: a URL taken apart once, so that what is vetted is what is connected to."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from urllib.parse import quote

from headworks.errors import excerpt
from headworks.outbound.errors import AddressRefused

DEFAULT_PORTS = {"http": 80, "https": 443}
FIRST_UNPRIVILEGED_PORT = 1024
# Servers that may read a request as commands of their own: the ports that browsers block (WHATWG Fetch,
# "Port blocking") above 1023, and those of the usual stores.
_PORTS_OF_OTHER_PROTOCOLS = frozenset(
    (
        *(
            1719,
            1720,
            1723,
            2049,
            3659,
            4045,
            4190,
            5060,
            5061,
            6000,
            6566,
            *range(6665, 6670),
            6679,
            6697,
            10080,
        ),
        *(1433, 3306, 5432, 6379, 9042, 11211, 27017),
    )
)

# Stricter than RFC 3986 on purpose: what two parsers could read differently is refused.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#\\]+)(?P<path>(?:/[^?#]*)?(?:\?[^#]*)?)", re.IGNORECASE
)
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[^\[\]@]*)\]|(?P<name>[^:\[\]@]+))(?::(?P<port>[0-9]{1,5}))?")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# IDNA 2003, which Python's codec speaks, sends these to another domain than IDNA 2008 does (UTS 46, "Deviations").
_DEVIATIONS = re.compile("[\u00df\u1e9e\u03c2\u200c\u200d]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One URL's scheme, host (a name in ASCII, or an address without brackets), port, and the rest as it is sent."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)

    @property
    def is_tls(self) -> bool:
        """Whether the connection is to be encrypted and its server's certificate checked."""
        return self.scheme == "https"

    @property
    def origin(self) -> str:
        """The part of the URL that may be told: no path, no query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def parse_target(url: str) -> Target:
    """The target that a URL names.

    Raises `AddressRefused` for anything but plain http(s): user names and passwords, fragments, ports of
    other protocols, characters that need escaping in a host.
    """
    matched = _URL.fullmatch(url)
    if matched is None or _NOT_IN_A_URL.search(url):
        raise AddressRefused("the URL isn't an http(s) URL without a fragment, blanks and control characters")
    authority = _AUTHORITY.fullmatch(matched["authority"])
    if authority is None:
        raise AddressRefused(
            "the URL's host is not a name or an address with an optional port, and nothing else"
        )
    scheme = matched["scheme"].lower()
    path = matched["path"]
    return Target(
        scheme=scheme,
        host=_host(authority["name"], authority["ipv6"]),
        port=_port(authority["port"], scheme),
        path=quote(path if path.startswith("/") else f"/{path}", safe=string.punctuation),
    )


def _host(name: str | None, ipv6: str | None) -> str:
    if name is None:
        address = (ipv6 or "").lower()
        if ":" not in address:
            raise AddressRefused("the URL's host stands in brackets and isn't an IPv6 address")
        return address
    host = _ascii(name).removesuffix(".")
    if not _NAME.fullmatch(host):
        raise AddressRefused(f"the URL's host {excerpt(name)} isn't a name")
    return host


def _ascii(name: str) -> str:
    if _DEVIATIONS.search(name):
        raise AddressRefused(
            f"the URL's host {excerpt(name)} leads to two domains: write it in its ASCII form (xn--...)"
        )
    try:
        return name.encode("idna").decode().lower()
    except UnicodeError as error:
        raise AddressRefused(f"the URL's host {excerpt(name)} isn't a name: {error}") from error


def _port(written: str | None, scheme: str) -> int:
    port = DEFAULT_PORTS[scheme] if written is None else int(written)
    usual = port in DEFAULT_PORTS.values() or FIRST_UNPRIVILEGED_PORT <= port <= 65535
    if not usual or port in _PORTS_OF_OTHER_PROTOCOLS:
        raise AddressRefused(f"the URL's port {port} isn't one of an HTTP server: 80, 443 or from 1024 on")
    return port
