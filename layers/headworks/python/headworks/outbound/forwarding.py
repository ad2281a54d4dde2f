"""Which headers of a received request go on with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Meant for the hop that they came over (RFC 9110, sections 7.6.1 and 10.1.1).
_HOP_BY_HOP = {
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# Meant for us alone, or said anew for the request that goes out.
_OURS = {
    "accept-encoding",
    "authorization",
    "content-length",
    "cookie",
    "host",
    "set-cookie",
    "traceparent",
    "tracestate",
    "user-agent",
}
_OUR_SIGNATURE = "webhook-"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def forwardable(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may go on, their names in lower case.

    Credentials, what belongs to one hop, what we say ourselves, and what HTTP can't carry stay behind.
    """
    named = {name.lower(): value for name, value in headers.items()}
    of_this_hop = {name.strip().lower() for name in named.get("connection", "").split(",")}
    stays = _HOP_BY_HOP | _OURS | of_this_hop
    return {
        name: value
        for name, value in named.items()
        if name not in stays
        and not name.startswith(_OUR_SIGNATURE)
        and _NAME.fullmatch(name)
        and _VALUE.fullmatch(value)
    }
