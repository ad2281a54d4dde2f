"""Two runs decide at once while the payment comes: every order of their steps ends well."""

from __future__ import annotations

from functools import partial
from itertools import permutations

from confirm_payment.payments import Payments
from fulfil_order.fulfilment import fulfil
from headworks.testing.clock import NEW_YEAR
from pipeline.payloads import Money, Refusal, Status
from pipeline.queues import ORDERS
from tests.support.orders import EUROS, a_context, a_message_of, an_order
from tests.support.turns import in_turns

LAST = ORDERS.retry.max_attempts
# A run reads the order, reads its payment, decides; the payment is one write.
SCHEDULES = sorted(set(permutations(["one"] * 3 + ["other"] * 3 + ["payment"])))


class Race:
    """One schedule with orders of its own; `undecided` says which were that when the payment came."""

    def __init__(self, stand, number, *, same_order, paid):
        self.stand, self.paid, self.intent = stand, paid, f"pi_{number}"
        names = ["o", "o"] if same_order else ["o", "p"]
        self.orders = [an_order(f"{name}{number}", payment_intent=self.intent) for name in names]
        self.undecided = set()

    def run(self, schedule):
        actors = {
            "one": partial(self._fulfil, self.orders[0]),
            "other": partial(self._fulfil, self.orders[1]),
            "payment": self._pay,
        }
        in_turns(self.stand.dynamodb, actors, schedule)

    def _fulfil(self, order, client):
        # The last attempt, or the one that takes it over: both may run at once.
        orders = self.stand.orders_through(client)
        fulfil(a_message_of(order), a_context(LAST), orders=orders, events=self.stand.events)

    def _pay(self, client):
        Payments(client, table="payments").confirm(self.intent, self.paid, event_id="evt", at=NEW_YEAR)
        self.undecided = {order.id for order in self.orders if self.stand.orders.find(order.id) is None}

    def decided(self, order):
        event = self.stand.orders.find(order.id)
        assert self.stand.told.count(f"{order.id}/{event.status}") == 1
        return event

    @property
    def payment(self):
        return self.stand.payment_of(self.orders[0])


def races(stand, **fields):
    """Every schedule, run."""
    for number, schedule in enumerate(SCHEDULES):
        race = Race(stand, number, **fields)
        race.run(schedule)
        yield race


def test_an_order_is_placed_and_paid_or_refused_and_its_payment_to_be_given_back(stand):
    outcomes = set()
    for race in races(stand, same_order=True, paid=EUROS):
        order = race.orders[0]
        event = race.decided(order)

        assert event.reason == (None if race.undecided else Refusal.UNPAID)
        assert race.payment == (order.id, event.status, event.status is Status.REFUSED)
        outcomes.add(event.status)
    assert outcomes == set(Status)
    assert len(stand.told) == len(SCHEDULES)


def test_an_order_whose_payment_is_wrong_is_refused_and_its_payment_to_be_given_back(stand):
    for race in races(stand, same_order=True, paid=Money(amount=1, currency="eur")):
        order = race.orders[0]

        assert race.decided(order).reason is (Refusal.WRONG_AMOUNT if race.undecided else Refusal.UNPAID)
        assert race.payment == (order.id, "refused", True)
    assert len(stand.told) == len(SCHEDULES)


def test_of_two_orders_of_one_payment_one_has_it_and_the_other_is_refused_for_that(stand):
    for race in races(stand, same_order=False, paid=EUROS):
        owner, status, given_back = race.payment
        [mine] = [race.decided(order) for order in race.orders if order.id == owner]
        [others] = [race.decided(order) for order in race.orders if order.id != owner]

        assert mine.status == status
        assert (mine.reason, given_back) == (
            (None, False) if len(race.undecided) == 2 else (Refusal.UNPAID, True)
        )
        assert others.reason is Refusal.PAYMENT_TAKEN
    assert len(stand.told) == 2 * len(SCHEDULES)
