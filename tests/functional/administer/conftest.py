"""The admin API between fakes, driven through the entry point that Lambda calls."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from administer import routes
from administer.administration import Administration
from administer.changes import Changes
from administer.controls import Controls
from administer.finds import Finds
from administer.gate import Gate
from administer.lists import Lists
from administer.overviews import Overviews
from administer.replaying import Replaying
from administer.troubles import Troubles
from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import Entry, Failure, Letter
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.outcome import Reason
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.secrets import MemorySecrets
from headworks.topology import Topology
from headworks.webhooks import sources
from headworks.webhooks.routes import Route
from tests.functional.administer.fakes import (
    FakeFinder,
    FakeOnDemand,
    FakePauses,
    FakePurging,
    FakeReplays,
    FakeStatistics,
)
from tests.support.declarations import SECOND, a_queue

TOKENS = ("token-of-now", "token-of-before")


@dataclass(frozen=True)
class Answered:
    """What the API answered: its body parsed, headers by names in lower case."""

    status: int
    body: Any
    headers: dict[str, str]


class Stand:
    """What operators talk to: the queues `orders` (one consumer, of counts by name) and `facts` (two, ordered), the
    source `stripe`, their ledgers in memory, and stand-ins for everybody who does something.
    """

    def __init__(self, clock, log):
        self.clock, self.log = clock, log
        self.topology = Topology(
            queues=(
                a_queue(payload=dict[str, int]),
                a_queue(name="facts", consumers=("tell_customer", "count_stock"), fifo=True),
            ),
            sources=(sources.stripe(),),
            routes=(Route(queue="orders"),),
        )
        addresses = [
            Address(queue.name, consumer) for queue in self.topology.queues for consumer in queue.consumers
        ]
        self.ledgers = {address: MemoryLedger(clock) for address in addresses}
        self.catalogue = MemoryCatalogue(self.ledgers, clock)
        self.dead_letters = {
            address: MemoryDeadLetters(ledger, clock) for address, ledger in self.ledgers.items()
        }
        self.memories = {queue.name: MemoryDeduplication() for queue in self.topology.queues}
        self.statistics = FakeStatistics(self.topology)
        self.finder = FakeFinder()
        self.pauses = FakePauses(clock)
        self.on_demand = FakeOnDemand()
        self.purging = FakePurging(clock)
        self.replays = FakeReplays(clock)
        self.secrets = MemorySecrets({"admins": json.dumps(TOKENS)})
        self.handler = self._handler()

    def _handler(self):
        topology, clock = self.topology, self.clock
        changes = Changes(
            topology=topology,
            catalogue=self.catalogue,
            dead_letters=self.dead_letters.__getitem__,
            deduplication=lambda queue: self.memories[queue.name],
            claim_check=lambda _: None,
            log=self.log,
        )
        controls = Controls(
            topology=topology,
            pauses=self.pauses,
            on_demand=self.on_demand,
            purging=self.purging,
            clock=clock,
        )
        return Administration(
            [
                *routes.of_overviews(Overviews(topology=topology, statistics=self.statistics, clock=clock)),
                *routes.of_lists(Lists(topology=topology, catalogue=self.catalogue)),
                *routes.of_finds(Finds(topology=topology, finder=self.finder, claim_check=lambda _: None)),
                *routes.of_changes(changes),
                *routes.of_controls(controls),
                *routes.of_replays(Replaying(topology=topology, replays=self.replays, clock=clock)),
            ],
            topology=topology,
            gate=Gate(tokens=lambda: self.secrets.get("admins")),
            troubles=Troubles(log=self.log),
        )

    def ask(self, method, path, body=None, *, authorization=f"Bearer {TOKENS[0]}", **headers):
        """A request to a path under `/admin`, with its query string; bytes are a body as it is."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        if authorization is not None:
            more["authorization"] = authorization
        returned = self.handler(admin_event(method, f"/admin{path}", content, more), None)
        return Answered(
            status=returned["statusCode"],
            body=json.loads(returned["body"]),
            headers={name.lower(): value for name, value in returned["headers"].items()},
        )

    def get(self, path, **keywords):
        return self.ask("GET", path, **keywords)

    def bury(self, key, *, consumer="fulfil_order", body='{"n": 1}', error="no such customer", **fields):
        """One more dead letter, a second after what was before."""
        self.clock.advance(SECOND)
        [address] = [each for each in self.ledgers if each.consumer == consumer]
        entry = Entry(key=key, message_id=f"msg_{key}", type="order.placed", source="shop", **fields)
        failure = Failure(
            attempt=1, at=self.clock.now(), error_type="ValueError", error=error, stack="line 1"
        )
        ledger = self.ledgers[address]
        [lease] = ledger.lease([entry], lasts=60 * SECOND)
        letter = Letter(body=body, sent_at=self.clock.now())
        ledger.bury(entry, letter, reason=Reason.REJECTED, failure=failure, holder=lease)

    def fail(self, key, *, due):
        """A message of `orders` that failed, to be tried again after so long."""
        entry = Entry(key=key, message_id=f"msg_{key}", type="order.placed", source="shop")
        ledger = self.ledgers[Address("orders", "fulfil_order")]
        [lease] = ledger.lease([entry], lasts=60 * SECOND)
        failure = Failure(attempt=1, at=self.clock.now(), error_type="Retry", error="busy")
        ledger.retry(lease, failure, due=self.clock.now() + due)


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


def admin_event(method, target, body=None, headers=None):
    """A request as the HTTP API hands it over: the path decoded, repeated members of the query joined by commas."""
    path, _, query = target.partition("?")
    members = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        members[name] = f"{members[name]},{value}" if name in members else value
    event = {
        "version": "2.0",
        "routeKey": "ANY /admin/{path+}",
        "rawPath": unquote(path),
        "rawQueryString": query,
        "headers": headers or {},
        "requestContext": {"http": {"method": method, "path": unquote(path)}, "stage": "$default"},
        "isBase64Encoded": False,
    }
    if members:
        event["queryStringParameters"] = members
    if body is not None:
        event["body"], event["isBase64Encoded"] = b64encode(body).decode(), True
    return event
