"""Ordered queues over Redis, as drains and workers take them: each ordering key in its order, whatever fails."""

from __future__ import annotations

from collections import defaultdict

import pytest

from headworks.errors import Reject
from headworks.ledger.ledger import Closed, Entry, Held, Letter, State
from tests.support.dead_letters import in_memory
from tests.support.declarations import SECOND
from tests.support.redis_replays import TAKERS, Replayed, do_well, fail


class Ordered(Replayed):
    """What was done, by ordering key."""

    def done(self):
        done = defaultdict(list)
        for message, _ in self.seen:
            done[message.ordering_key].append(message.data["n"])
        return dict(done)

    def attempts(self):
        return [(message.data["n"], context.attempt) for message, context in self.seen]


@pytest.fixture(params=TAKERS)
def stand(request, newest_server, clock, log):
    made = Ordered(newest_server, clock, log, in_memory(clock), request.param, fifo=True)
    made.does = do_well
    yield made
    made.close()


def send(stand, ordering_key, *names):
    stand.drained.send(*names, ordering_key=ordering_key)


def names(prefix, number):
    return [f"{prefix}{index:03}" for index in range(number)]


def test_each_ordering_keys_messages_run_in_the_order_in_which_they_were_sent(stand):
    for start in (0, 20, 40):
        for key in "ab":
            send(stand, key, *names(key, 60)[start : start + 20])

    stand.take_all()

    assert stand.done() == {"a": names("a", 60), "b": names("b", 60)}
    assert stand.ledgers.ledger.items == {}


def test_a_failure_holds_up_its_own_ordering_key_and_no_other(stand):
    send(stand, "a", *names("a", 5))
    send(stand, "b", *names("b", 5))
    failed = []

    def fail_once(message):
        if message.data["n"] == "a002" and not failed:
            failed.append(message.data["n"])
            fail(message)

    stand.does = fail_once
    stand.take_all()

    of_a = [each for each in stand.attempts() if each[0].startswith("a")]
    assert of_a == [("a000", 1), ("a001", 1), ("a002", 1), ("a002", 2), ("a003", 1), ("a004", 1)]
    assert stand.done()["b"] == names("b", 5)


def test_while_one_waits_for_its_next_attempt_nothing_of_its_key_runs(stand):
    send(stand, "a", *names("a", 3))
    send(stand, "b", *names("b", 3))
    stand.does = lambda message: fail(message) if message.data["n"] == "a000" else None

    stand.take_once()

    assert [each for each in stand.attempts() if each[0].startswith("a")] == [("a000", 1)]


def test_a_dead_one_lets_its_key_go_on_once_the_ledger_has_it(stand):
    send(stand, "a", *names("a", 4))
    known = []

    def reject_the_first(message):
        if message.data["n"] == "a000":
            raise Reject("never")
        known.append(stand.state("a000"))

    stand.does = reject_the_first
    stand.take_all()

    assert known == [State.DEAD] * 3
    assert [each for each, _ in stand.attempts()] == names("a", 4)


def test_while_the_ledger_does_not_answer_a_dead_one_keeps_its_key(stand):
    send(stand, "a", "a000", "a001")
    stand.does = lambda message: fail(message) if message.data["n"] == "a000" else None
    stand.ledgers.ledger.down = True
    for _ in range(3):
        stand.take_once()
        stand.drained.let_waits_end()

    stand.stop()
    assert "a001" not in [name for name, _ in stand.attempts()]

    stand.ledgers.ledger.down = False
    stand.take_all()
    assert stand.attempts()[-1] == ("a001", 1)
    assert stand.state("a000") is State.DEAD


def test_a_replayed_one_takes_its_place_at_the_end_of_its_keys_line(stand):
    stand.does = fail
    stand.die("a000", ordering_key="a")
    stand.does = do_well
    stand.stop()
    send(stand, "a", "a001", "a002")

    stand.replay("a000")
    stand.take_all()

    assert stand.attempts() == [("a001", 1), ("a002", 1), ("a000", 1)]
    assert stand.state("a000") is State.COMPLETED


def test_a_replayed_one_that_fails_holds_its_key_as_any_other(stand):
    stand.does = fail
    stand.die("a000", ordering_key="a")
    stand.stop()
    failed = []

    def fail_once(message):
        if message.data["n"] == "a000" and not failed:
            failed.append(message)
            fail(message)

    stand.does = fail_once
    stand.replay("a000")
    send(stand, "a", "a001", "a002")
    stand.take_all()

    assert stand.attempts() == [("a000", 1), ("a000", 2), ("a001", 1), ("a002", 1)]


def test_dead_letters_of_one_key_are_put_back_in_the_order_of_their_deaths(stand):
    stand.does = fail
    stand.die(*names("a", 3), ordering_key="a")
    stand.does = do_well
    stand.stop()

    stand.replay(*reversed(names("a", 3)))
    stand.take_all()

    assert stand.attempts() == [(each, 1) for each in names("a", 3)]


def test_a_run_of_which_one_was_put_back_and_closed_meanwhile_goes_on(stand):
    stand.does = fail
    stand.die("a000", ordering_key="a")
    stand.does = do_well
    stand.stop()
    send(stand, "a", *names("b", 3))
    stand.replay("a000")
    send(stand, "a", *names("c", 3))
    ledger = stand.ledgers.ledger
    [lease] = ledger.lease([stand.story("a000").listed.entry], lasts=60 * SECOND)
    assert not isinstance(lease, Closed | Held)
    ledger.complete([lease])

    stand.take_all()

    assert stand.done() == {"a": [*names("b", 3), *names("c", 3)]}


def test_what_waited_in_the_ledger_keeps_its_order(stand, clock):
    """What a paused source kept back comes in the order in which it came."""
    for name in names("a", 3):
        entry = Entry(key=name, message_id=name, type="t", source="s", ordering_key="a")
        body = f'{{"n": "{name}"}}'
        letter = Letter(body=body, sent_at=clock.now(), ordering_key="a")
        assert stand.ledgers.ledger.hold(entry, letter, due=clock.now())
        assert stand.way_back.resend(name, letter, delay=0 * SECOND, sending=1) is None

    stand.take_all()

    assert stand.attempts() == [(each, 1) for each in names("a", 3)]
    assert {stand.state(each) for each in names("a", 3)} == {State.COMPLETED}
