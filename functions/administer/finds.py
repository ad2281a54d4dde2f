"""Where is my event?"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from administer.documents.messages import Found, FullItem, Received
from administer.documents.requests import LONGEST_NAME
from administer.places import the_queue
from administer.stories import Stories
from headworks.errors import excerpt
from headworks.http_api import Problem, bad_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from administer.documents.messages import State
    from headworks.claim_check import ClaimCheck
    from headworks.ledger.catalogue import Address
    from headworks.operations import finding
    from headworks.queue import Queue
    from headworks.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Finds:
    """Asks the finder, and tells what it knows."""

    topology: Topology
    finder: finding.Finder
    claim_check: Callable[[Queue], ClaimCheck | None]

    def by_path(self, name: str) -> Found:
        """By a name that a path can hold."""
        return self._find(name)

    def by_query(
        self, name: Annotated[str, Query(min_length=1, description="A name, whatever is in it.")]
    ) -> Found:
        """By any name."""
        return self._find(name)

    def _find(self, name: str) -> Found:
        if len(name.encode()) > LONGEST_NAME:
            raise bad_request(f"{excerpt(name)} is no name: it is over {LONGEST_NAME:,} bytes.")
        found = self.finder.find(name)
        if found.is_empty:
            raise Problem(HTTPStatus.NOT_FOUND, f"Nothing is known of {excerpt(name)}.")
        stories = Stories(claim_check=self.claim_check)
        return Found(
            name=name,
            received=[Received.of(each) for each in found.received],
            items=[
                *(
                    stories.tell(each, the_queue(self.topology, each.listed.address.queue))
                    for each in found.stories
                ),
                *(_untried("queued", address, received) for address, received in found.queued),
                *(_untried("accepted", address, received) for address, received in found.accepted),
            ],
            trouble=list(found.trouble),
        )


def _untried(state: State, address: Address, received: finding.Received) -> FullItem:
    """What was accepted, and nothing is known of an attempt yet."""
    return FullItem.model_validate(
        {
            **dict.fromkeys(FullItem.model_fields),
            "id": received.message_id,
            "key": received.key,
            "queue": address.queue,
            "consumer": address.consumer,
            "state": state,
            "type": received.type or "",
            "source": received.source or "",
            "attempt": 0,
            "crashes": 0,
            "replays": 0,
            "history": [],
            "replayed": [],
        }
    )
