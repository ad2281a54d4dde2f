"""Dead letters that are about to expire are told of each minute."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import Entry, Letter
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.outcome import Reason
from headworks.topology import Topology
from tests.support.declarations import SECOND, a_queue
from wake_waiting.expiries import Expiries

DAY = timedelta(days=1)
KEPT = a_queue(dead_letters_kept_for=60 * DAY)
BRIEFLY = a_queue(name="clicks", consumers=("count_click",), dead_letters_kept_for=10 * DAY)
FOR_GOOD = a_queue(name="letters", consumers=("post_letter",))
QUEUES = (KEPT, BRIEFLY, FOR_GOOD)


class Stand:
    """Queues of every kind with a dead letter each, and what is told of them."""

    def __init__(self, clock):
        self.told = {}
        self.ledgers = {Address(each.name, each.consumers[0]): MemoryLedger(clock) for each in QUEUES}
        for ledger in self.ledgers.values():
            entry = Entry(key="k", message_id="m", type="t", source="s")
            ledger.bury(entry, Letter(body="", sent_at=clock.now()), reason=Reason.EXPIRED, failure=None)
        self.expiries = Expiries(
            topology=Topology(queues=QUEUES),
            catalogue=MemoryCatalogue(self.ledgers, clock),
            gauge=self._gauge,
            clock=clock,
        )

    def _gauge(self, values, *, service, queue):
        self.told[queue, service] = values

    def go(self):
        self.told.clear()
        self.expiries.go(remaining=lambda: DAY)
        return self.told


@pytest.fixture
def stand(clock):
    return Stand(clock)


def test_nothing_is_told_while_there_is_time(stand, clock):
    assert stand.go() == {}
    clock.advance(9 * DAY)
    assert stand.go() == {}


def test_what_expires_within_three_days_or_a_tenth_of_its_time_is_told(stand, clock):
    clock.advance(9 * DAY + SECOND)
    assert stand.go() == {("clicks", "count_click"): {"ExpiringDeadLetters": 1}}

    clock.advance(48 * DAY)
    assert stand.go()["orders", "fulfil_order"] == {"ExpiringDeadLetters": 1}


def test_what_is_kept_for_good_never_expires(stand, clock):
    clock.advance(10_000 * DAY)

    assert ("letters", "post_letter") not in stand.go()


def test_a_ledger_that_is_down_fails_the_part(stand):
    for ledger in stand.ledgers.values():
        ledger.down = True

    with pytest.raises(Unavailable):
        stand.go()
