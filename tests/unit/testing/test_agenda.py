"""What is going to happen."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from headworks.testing.agenda import Agenda
from headworks.testing.clock import NEW_YEAR, MovingClock

SECOND = timedelta(seconds=1)


@pytest.fixture
def agenda(clock):
    return Agenda(clock, threading.RLock())


def everything(agenda):
    while agenda.happen():
        pass


def test_things_happen_at_their_time_and_at_equal_times_as_planned(agenda, clock):
    happened = []
    for name, due in (("b", 2), ("a", 1), ("c", 2)):
        agenda.plan(NEW_YEAR + due * SECOND, lambda name=name: happened.append((name, clock.now())))

    everything(agenda)

    assert happened == [("a", NEW_YEAR + SECOND), ("b", NEW_YEAR + 2 * SECOND), ("c", NEW_YEAR + 2 * SECOND)]


def test_what_was_due_before_happens_now(agenda, clock):
    clock.set(NEW_YEAR + 5 * SECOND)
    agenda.plan(NEW_YEAR, lambda: None)

    everything(agenda)

    assert clock.now() == NEW_YEAR + 5 * SECOND


def test_what_is_cancelled_never_happens_and_is_not_waited_for(agenda):
    happened = []
    entry = agenda.plan(NEW_YEAR, lambda: happened.append("never"))
    agenda.cancel(entry)
    agenda.cancel(entry)

    assert agenda.is_idle
    assert agenda.next_due is None
    assert not agenda.happen()
    assert happened == []


def test_what_comes_round_for_ever_leaves_an_agenda_idle(agenda):
    agenda.plan(NEW_YEAR, lambda: None, waited_for=False)

    assert agenda.is_idle
    assert agenda.next_due == NEW_YEAR


def test_a_clock_without_a_keeper_just_moves():
    clock = MovingClock()

    clock.advance(SECOND)

    assert clock.now() == NEW_YEAR + SECOND
