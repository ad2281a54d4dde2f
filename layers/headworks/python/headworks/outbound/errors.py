"""Why a request out got no answer.

None of these ever holds a URL's path or query: both are places where secrets stand.
"""

from __future__ import annotations

from headworks.errors import HeadworksError
from headworks.fault import Fault


class OutboundError(HeadworksError):
    """A request that got no answer: the endpoint's fault, unless it was never sent."""

    fault = Fault.ENDPOINT


class RequestRefused(OutboundError):
    """A request that must not be sent as it stands.  Nothing was sent, and trying again can't help."""

    fault = Fault.PIPELINE


class AddressRefused(RequestRefused):
    """A URL or an address that must not be sent to."""


class ConnectionFailed(OutboundError):
    """No connection, or one that broke before it brought an answer."""


class TimedOut(OutboundError):
    """No answer within the time that the exchange had."""
