"""Lists of what is dead, retrying, waiting or running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from administer.documents.messages import Group, Item, Listing
from administer.documents.requests import ListingQuery
from administer.places import all_consumers, consumers_of, the_queue
from headworks.http_api import bad_request
from headworks.ledger.catalogue import MOST_LISTED
from headworks.ledger.ledger import State
from headworks.operations.control import MOST_COUNTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.ledger.catalogue import Address, Catalogue
    from headworks.topology import Topology

Asked = Annotated[ListingQuery, Query()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Reads pages and groups from the catalogue."""

    topology: Topology
    catalogue: Catalogue

    def of_queue(self, queue: str, query: Asked) -> Listing:
        """One queue's messages in a state."""
        return self._list(consumers_of(the_queue(self.topology, queue), query.consumer), query)

    def of_all(self, query: Asked) -> Listing:
        """The messages of all queues in a state."""
        addresses = all_consumers(self.topology)
        if query.consumer is None:
            return self._list(addresses, query)
        chosen = [address for address in addresses if address.consumer == query.consumer]
        if not chosen:
            raise bad_request(f"No consumer is called {query.consumer!r}.")
        return self._list(chosen, query)

    def _list(self, addresses: Sequence[Address], query: ListingQuery) -> Listing:
        return self._groups(addresses, query) if query.groups else self._page(addresses, query)

    def _page(self, addresses: Sequence[Address], query: ListingQuery) -> Listing:
        page = self.catalogue.page(
            State(query.state),
            addresses,
            only=query.meant(),
            limit=_limit(query),
            cursor=query.cursor,
        )
        return Listing(
            items=[Item.of(each) for each in page.items],
            cursor=page.cursor,
            groups=None,
            total=None,
            total_is_exact=None,
        )

    def _groups(self, addresses: Sequence[Address], query: ListingQuery) -> Listing:
        found = self.catalogue.groups(State(query.state), addresses, only=query.meant(), most=MOST_COUNTED)
        return Listing(
            items=[],
            cursor=None,
            groups=[Group.of(each) for each in found.groups[: _limit(query)]],
            total=found.total.number,
            total_is_exact=found.total.is_exact,
        )


def _limit(query: ListingQuery) -> int:
    return max(1, min(query.limit, MOST_LISTED))
