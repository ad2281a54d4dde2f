"""Each minute pauses are told, and what resumed sources had kept back is let go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.errors import Unavailable
from headworks.operations.control import Pause
from headworks.operations.flags import Phase, of_consumer, of_source
from headworks.telemetry import Action
from headworks.testing.events import FakeContext
from headworks.upkeep import WAKE_WAITING
from tests.support.controlled import ADDRESSES, COUNT, FULFIL, STORE, TOPOLOGY, Controlled, plenty
from wake_waiting.pauses import Pauses
from wake_waiting.rounds import NotAllWoken, Rounds

MINUTE = timedelta(minutes=1)


class NoReplays:
    """None goes on."""

    def running(self):
        return []


class Stand:
    """A pipeline, and what is told of it."""

    def __init__(self):
        self.controlled = Controlled()
        self.told = {}
        self.pauses = Pauses(
            topology=TOPOLOGY,
            flags=self.controlled.flags,
            resuming=self.controlled.resuming,
            gauge=self._gauge,
            clock=self.controlled.clock,
        )

    def _gauge(self, values, *, service=None, **dimensions):
        self.told[service, *dimensions.values()] = values

    def pause(self, name):
        self.controlled.flags.put_up(name, Pause(since=self.controlled.clock.now(), by="ada"))

    def go(self, remaining=plenty):
        self.told.clear()
        self.pauses.go(remaining=lambda: remaining() + MINUTE / 2)


@pytest.fixture
def stand():
    return Stand()


def test_what_is_not_paused_has_no_excuse_and_that_is_told_too(stand):
    stand.go()

    assert stand.told == {(address.consumer, address.queue): {"Excused": 0} for address in ADDRESSES}


def test_what_is_paused_is_told_and_excused(stand):
    stand.pause(of_consumer(FULFIL))
    stand.pause(of_source("stripe"))

    stand.go()

    assert stand.told["fulfil_order", "orders"] == {"Paused": 1, "Excused": 1}
    assert stand.told[WAKE_WAITING.function, "stripe"] == {"Paused": 1}
    assert stand.told["store_event", "events"] == {"Excused": 0}


def test_what_was_resumed_is_excused_for_half_an_hour(stand):
    stand.pause(of_consumer(FULFIL))
    flags, clock = stand.controlled.flags, stand.controlled.clock
    flags.take_down(of_consumer(FULFIL), phase=Phase.OVER, at=clock.now())

    for passed, excused in ((29 * MINUTE, 1), (MINUTE, 0)):
        clock.advance(passed)
        stand.go()
        assert stand.told["fulfil_order", "orders"] == {"Excused": excused}


def test_what_a_resumed_source_had_kept_back_is_let_go(stand):
    stand.pause(of_source("stripe"))
    stand.controlled.send("k", address=STORE, kept_back=True)
    flags, clock = stand.controlled.flags, stand.controlled.clock
    flags.take_down(of_source("stripe"), phase=Phase.RESUMING, at=clock.now())

    stand.go()

    for address in (STORE, COUNT):
        assert stand.controlled.ledgers[address].items["k"].due == clock.now()


def test_a_source_that_is_paused_keeps_back_what_it_has(stand):
    stand.pause(of_source("stripe"))
    stand.controlled.send("k", address=STORE, kept_back=True)

    stand.go()

    assert stand.controlled.kept_back.count("stripe").number == 2


def test_half_of_the_minute_is_left_to_replays(stand):
    stand.pause(of_source("stripe"))
    stand.controlled.send("k", address=STORE, kept_back=True)
    now = stand.controlled.clock.now()
    stand.controlled.flags.take_down(of_source("stripe"), phase=Phase.RESUMING, at=now)

    stand.pauses.go(remaining=lambda: MINUTE / 2)

    assert stand.controlled.kept_back.count("stripe").number == 2


def test_trouble_of_pauses_is_told_when_everybodys_messages_have_been_woken(stand):
    controlled = stand.controlled
    controlled.send("later", delay=timedelta(hours=1))
    controlled.clock.advance(timedelta(hours=1))
    controlled.flags.down = True
    rounds = Rounds(
        [controlled.waker(FULFIL)], replays=NoReplays(), beside=[stand.pauses], log=controlled.log
    )

    with pytest.raises(NotAllWoken, match="the resumed sources stay for the next round") as raised:
        rounds.go({}, FakeContext(remaining_ms=60_000))

    assert isinstance(raised.value.__cause__, Unavailable)
    assert len(controlled.queues[FULFIL].messages) == 1
    assert Action.TROUBLE in controlled.log.actions
