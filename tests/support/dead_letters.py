"""One consumer's ledger, its dead letters and who reads both, on every store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from headworks.ledger.catalogue import Address
from headworks.ledger.dead_letters import Claim, Putting
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.dynamodb_dead_letters import DynamoDBDeadLetters
from headworks.ledger.ledger import Entry, Failure, Letter, State
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.outcome import Reason
from headworks.testing.clock import NEW_YEAR
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import SECOND, a_queue
from tests.support.partiql import read_partiql

MINUTE = timedelta(minutes=1)
LASTS = 2 * MINUTE
LETTER = Letter(body='{"n": 1}', sent_at=NEW_YEAR, ordering_key="ada")
OTHER = Letter(body='{"n": 2}', sent_at=NEW_YEAR, ordering_key="ada")
FULFIL = Address("orders", "fulfil_order")
STORES = ("memory", "moto", pytest.param("emulator", marks=pytest.mark.e2e))


@dataclass(kw_only=True)
class Stand:
    """One consumer's ledger, its dead letters and the catalogue of both."""

    ledger: Any
    dead_letters: Any
    catalogue: Any
    clock: Any
    address: Address = FULFIL

    def lease(self, key="k", *, lasts=MINUTE):
        [answer] = self.ledger.lease([entry(key)], lasts=lasts)
        return answer

    def bury(self, key="k", *, attempts=1, letter=LETTER):
        """Have a message die in its so-many-th attempt; a second passes after it."""
        for _ in range(attempts - 1):
            lease = self.lease(key)
            self.ledger.retry(lease, failure(lease.attempt), due=self.clock.now())
        self.die(self.lease(key), letter)

    def die(self, lease, letter=LETTER):
        told = failure(lease.attempt)
        state = self.ledger.bury(lease.entry, letter, reason=Reason.EXHAUSTED, failure=told, holder=lease)
        assert state is State.DEAD
        self.clock.advance(SECOND)

    def bury_unrun(self, key="k", *, letter=LETTER):
        """Have it given up by somebody who never had a lease; a second passes after it."""
        state = self.ledger.bury(entry(key), letter, reason=Reason.EXPIRED, failure=None)
        self.clock.advance(SECOND)
        return state

    def complete(self, key="k"):
        assert self.ledger.complete([self.lease(key)]) == [True]
        self.clock.advance(SECOND)

    def claim(self, *keys, lasts=LASTS, **fields):
        return self.dead_letters.claim(keys or ["k"], self.putting(**fields), lasts=lasts)

    def claim_one(self, key="k", **fields):
        [claim] = self.claim(key, **fields)
        assert isinstance(claim, Claim), claim
        return claim

    def put_back(self, key="k", **fields):
        claim = self.claim_one(key, **fields)
        self.dead_letters.sent([claim])
        return claim

    def putting(self, replay="rpl_1", **fields):
        now = self.clock.now()
        return Putting(**{"replay": replay, "by": "ops", "at": now, "died_before": now, **fields})

    def story(self, key="k"):
        [story] = self.catalogue.find(key, [FULFIL])
        return story

    def state(self, key="k"):
        return self.story(key).listed.state

    def listed(self, state):
        return [each.entry.key for each in self.catalogue.page(state, [FULFIL], limit=100).items]


def stand_on(request: Any, clock: Any) -> Stand:
    """A stand on the store that a fixture's parameter names."""
    if request.param == "memory":
        return in_memory(clock)
    client, table = _store(request)
    return Stand(
        ledger=DynamoDBLedger(a_queue(), FULFIL.consumer, client, table=table, clock=clock),
        dead_letters=DynamoDBDeadLetters(a_queue(), FULFIL.consumer, client, table=table, clock=clock),
        catalogue=DynamoDBCatalogue(client, table=table, clock=clock),
        clock=clock,
    )


def in_memory(clock: Any) -> Stand:
    """A stand on no store at all."""
    ledger = MemoryLedger(clock)
    return Stand(
        ledger=ledger,
        dead_letters=MemoryDeadLetters(ledger, clock),
        catalogue=MemoryCatalogue({FULFIL: ledger}, clock),
        clock=clock,
    )


def _store(request):
    if request.param == "emulator":
        return request.getfixturevalue("emulator_clients")("dynamodb"), request.getfixturevalue(
            "ledger_table"
        )
    aws = request.getfixturevalue("aws")
    aws("dynamodb").create_table(TableName="ledger", **LEDGER_TABLE)
    client = aws("dynamodb")
    read_partiql(client, through=aws("dynamodb"))
    return client, "ledger"


def entry(key="k", **fields):
    return Entry(**{"key": key, "message_id": f"msg_{key}", "type": "t", "source": "s", **fields})


def failure(attempt=1):
    return Failure(attempt=attempt, at=NEW_YEAR, error_type="ValueError", error="no")
