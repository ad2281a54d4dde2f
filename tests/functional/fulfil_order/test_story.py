"""The whole story of an order on the declared queue, with the clock moved (`headworks.testing`)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import msgspec
import pytest

from headworks.brokers.sqs import SqsBroker
from headworks.ledger.ledger import State
from headworks.testing import Ending, SimulatedAws
from pipeline.queues import ORDERS
from tests.support.declarations import SECOND, a_message
from tests.support.orders import an_order

MINUTE = 60 * SECOND


class World:
    """The queue `orders` as it is deployed, and its consumer on it.

    `crash` is where the process dies the first time that an order has its last attempt:
    `deciding` it, `telling` it (when it is decided), or `ending`, when all is done.
    """

    def __init__(self, aws, stand):
        self.aws, self.stand, self.crash = aws, stand, None
        self.queue = aws.queue_for(ORDERS)
        self.broker = self._broker(aws.client)
        aws.map_for(ORDERS, start=self._start)

    def send(self, order):
        message = a_message(msgspec.json.encode(order), idempotency_key=order.id, ordering_key=order.customer)
        self.broker.send([message])

    def run(self, time=None):
        """Let time pass, or everything happen; answers how long that took."""
        return self.aws.run_until_idle() if time is None else self.aws.run_for(time)

    def _start(self, environment):
        def handle(message, context):
            def reach(point):
                if self.crash == point and context.attempt == ORDERS.retry.max_attempts:
                    environment.die()

            reach("deciding")
            self.stand.handle(message, context, events=Told(self.stand.events, partial(reach, "telling")))
            reach("ending")

        return self.stand.consumer_on(self._broker(environment.client), handle, environment.clock)

    def _broker(self, client):
        dead_letter_url = self.queue.dead_letter_queue.url
        return SqsBroker(
            ORDERS, client, url=self.queue.url, dead_letter_url=dead_letter_url, log=self.stand.log
        )


class Told:
    """The way to `order-events`; something happens before each send."""

    def __init__(self, events, before):
        self._events, self._before = events, before

    def send(self, outgoing):
        self._before()
        return self._events.send(outgoing)


@pytest.fixture
def world(stand):
    with SimulatedAws(stand.clock) as aws:
        yield World(aws, stand)


def test_a_payment_before_its_order(world, stand):
    stand.pay("pi_o1")
    world.send(an_order("o1"))

    assert world.run() < SECOND
    assert (stand.decided, stand.told) == ({"o1": "placed"}, ["o1/placed"])


def test_a_payment_some_seconds_after_its_order(world, stand):
    world.send(an_order("o1"))
    world.run(5 * SECOND)
    stand.pay("pi_o1")

    world.run(10 * SECOND)

    assert (stand.decided, stand.told) == ({"o1": "placed"}, ["o1/placed"])
    assert stand.ledger.items["o1"].attempt == 3


def test_a_payment_that_never_comes(world, stand):
    world.send(an_order("o1"))

    took = world.run()

    assert timedelta(seconds=371) <= took <= timedelta(seconds=371) * 1.2 + 4 * SECOND
    assert (stand.decided, stand.told) == ({"o1": "unpaid"}, ["o1/refused"])
    assert (stand.ledger.items["o1"].attempt, stand.ledger.items["o1"].state) == (5, State.COMPLETED)
    assert world.queue.messages == world.queue.dead_letters == []


@pytest.mark.parametrize("crash", ["deciding", "telling", "ending"])
def test_an_order_whose_last_attempt_crashes_is_refused_all_the_same(world, stand, crash):
    world.crash = crash
    world.send(an_order("o1"))

    world.run()

    assert [each.ending for each in world.aws.invocations].count(Ending.DIED) == 1
    assert (stand.decided, stand.told) == ({"o1": "unpaid"}, ["o1/refused"])
    assert (stand.ledger.items["o1"].attempt, stand.ledger.items["o1"].state) == (6, State.COMPLETED)
    assert world.queue.messages == world.queue.dead_letters == []


def test_an_order_that_is_paid_while_nobody_takes_over_its_crashed_last_attempt_is_placed(world, stand):
    world.crash = "deciding"
    world.send(an_order("o1"))
    world.run(8 * MINUTE)
    stand.pay("pi_o1")

    world.run()

    assert (stand.decided, stand.told) == ({"o1": "placed"}, ["o1/placed"])


def test_a_full_batch_of_one_customer_who_never_pays(world, stand):
    names = [f"o{number}" for number in range(10)]
    for name in names:
        world.send(an_order(name))

    world.run()

    assert stand.told == [f"{name}/refused" for name in names]
    assert {stand.ledger.items[name].attempt for name in names} == {5}
    assert world.queue.dead_letters == []


def test_one_customer_who_never_pays_holds_up_no_other(world, stand):
    world.send(an_order("a1", customer="ada"))
    for number in range(20):
        stand.pay(f"pi_b{number}")
        world.send(an_order(f"b{number}", customer="bob"))

    world.run(SECOND)

    assert stand.told == [f"b{number}/placed" for number in range(20)]
