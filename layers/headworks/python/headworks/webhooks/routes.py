"""Routes: which queues an event of a source goes to."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """From a source and an event type to a queue; both may hold `*`.

    With an `endpoint` the event travels as a delivery to it, body and headers as they came;
    without one the event's body is the payload itself.
    """

    queue: str
    source: str = "*"
    event_type: str = "*"
    endpoint: str | None = None

    def serves(self, source: str) -> bool:
        """Whether events of this source may take the route, those of some types at least."""
        return fnmatchcase(source, self.source)

    def matches(self, source: str, event_type: str) -> bool:
        """Whether an event of this source and type takes the route."""
        return self.serves(source) and fnmatchcase(event_type, self.event_type)


def routes_of(routes: Iterable[Route], source: str, event_type: str) -> tuple[Route, ...]:
    """Every route that an event takes: it goes to each of them."""
    return tuple(route for route in routes if route.matches(source, event_type))
