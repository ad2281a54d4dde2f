"""Where consumers' parts are: what the deployment has written down about each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.stores import asking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from headworks.clock import Clock

DIRECTORY = "the directory of consumers"
# Places change when somebody deploys.
FRESH_FOR = timedelta(minutes=1)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One consumer's queue (URL and ARN), dead-letter queue (URL), function (ARN) and event source mapping (UUID).

    `drain` is the function (ARN) that takes its messages from Redis, where they travel over it.
    """

    url: str
    arn: str
    dead_letter_url: str
    function: str
    mapping: str
    drain: str = ""


class Directory(Protocol):
    """Who knows where everybody is."""

    def places(self) -> Mapping[Address, Place]:
        """Everybody's place.  Raises `Unavailable`."""


def place_of(directory: Directory, address: Address) -> Place:
    """One consumer's place.  Raises `Unavailable`, also for what is declared and isn't deployed."""
    place = directory.places().get(address)
    if place is None:
        raise Unavailable(f"{address.queue}/{address.consumer}", "it isn't deployed")
    return place


def parameter_name(path: str, queue: str, consumer: str) -> str:
    """What the parameter of a consumer is called, under the path of its deployment."""
    return f"{path}/{queue}/{consumer}"


@dataclass(frozen=True, slots=True)
class _Known:
    places: Mapping[Address, Place]
    ask_again_at: datetime


class ParameterDirectory:
    """The directory in SSM parameters, one for each consumer: an environment holds 4 KB, and many consumers more.

    What is known goes on serving while the store doesn't answer.
    """

    def __init__(self, client: Any, *, path: str, clock: Clock | None = None) -> None:
        self._client = client
        self._path = path
        self._clock = clock or SystemClock()
        self._known: _Known | None = None
        # One thread asks, the others wait for its answer.
        self._lock = Lock()

    def places(self) -> Mapping[Address, Place]:
        with self._lock:
            known, now = self._known, self._clock.now()
            if known is not None and now < known.ask_again_at:
                return known.places
            try:
                places = self._ask()
            except Unavailable:
                if known is None:
                    raise
                places = known.places
            self._known = _Known(places, now + FRESH_FOR)
            return places

    def _ask(self) -> Mapping[Address, Place]:
        found: dict[Address, Place] = {}
        more: dict[str, str] = {}
        while True:
            with asking(DIRECTORY):
                answer = self._client.get_parameters_by_path(Path=self._path, Recursive=True, **more)
            for parameter in answer["Parameters"]:
                queue, _, consumer = parameter["Name"].removeprefix(f"{self._path}/").partition("/")
                found[Address(queue, consumer)] = msgspec.json.decode(parameter["Value"], type=Place)
            if not answer.get("NextToken"):
                return found
            more = {"NextToken": answer["NextToken"]}
