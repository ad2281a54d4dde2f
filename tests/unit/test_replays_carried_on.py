"""Replays that take their time, are stopped, killed or can't send: nothing is left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headworks.errors import Unavailable
from headworks.ledger.ledger import Failure
from headworks.operations.replays import ReplayConflict, Selection, Standing
from tests.support.declarations import SECOND
from tests.support.replays import ID, MINUTE, Stand, keys


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


@pytest.fixture
def fifo(clock, log):
    return Stand(clock, log, fifo=True, consumers=("fulfil_order",))


def test_a_rate_is_kept_to(stand):
    stand.bury(*keys(20))
    began = stand.clock.now()

    replay = stand.replay(rate=4)

    assert replay.sent == 20
    assert 4 * SECOND <= stand.clock.now() - began <= 5 * SECOND


def test_the_time_that_sending_takes_is_part_of_the_rate(stand):
    stand.bury(*keys(400))
    began = stand.clock.now()
    send = stand.broker.resend_all

    def send_slowly(resendings):
        stand.clock.advance(1.5 * SECOND)
        return send(resendings)

    stand.broker.resend_all = send_slowly
    stand.time_left = 10 * MINUTE
    replay = stand.replay(rate=5)

    assert replay.sent == 400
    assert stand.clock.now() - began <= 85 * SECOND


def test_a_rate_is_kept_to_from_one_shift_to_the_next(stand):
    stand.bury(*keys(3))
    began = stand.clock.now()
    stand.ask(id=ID, rate=0.01)

    told = [stand.work(ID).sent, stand.work(ID).sent]
    stand.clock.advance(100 * SECOND)
    told.append(stand.work(ID).sent)

    assert told == [1, 1, 2]
    assert stand.clock.now() - began < 130 * SECOND


def test_what_is_not_done_in_time_is_carried_on_where_it_was(stand):
    stand.bury(*keys(30))
    stand.ask(id=ID, rate=1)

    first = stand.work(ID)
    while stand.work(ID, stand.another()).standing is Standing.RUNNING:
        pass

    assert (first.standing, 0 < first.sent < 30) == (Standing.RUNNING, True)
    assert stand.sent() == keys(30)
    assert stand.replays.find(ID).sent == 30


def test_a_stopped_one_sends_no_more_and_what_was_sent_stays_sent(stand):
    stand.bury(*keys(30))
    stand.ask(id=ID, rate=1)
    sent = stand.work(ID).sent

    stopped = stand.replays.stop(ID, because="stopped by ada")

    assert (stopped.standing, stopped.stopped_because, stopped.sent) == (
        Standing.STOPPED,
        "stopped by ada",
        sent,
    )
    assert stand.work(ID) == stopped
    assert stand.replays.running() == []
    assert len(stand.sent()) == sent


def test_a_stop_is_obeyed_by_whoever_is_at_work(stand):
    stand.bury(*keys(30))
    stand.ask(id=ID, rate=1)
    stand.replays._parts = replace(stand.replays._parts, pause=lambda seconds: stop_at_ten(seconds))

    def stop_at_ten(seconds):
        stand._pause(seconds)
        if len(stand.sent()) == 10:
            stand.another().stop(ID, because="stopped by ada")

    replay = stand.work(ID)

    assert replay.standing is Standing.STOPPED
    assert 10 <= replay.sent == len(stand.sent()) <= 14


@pytest.mark.parametrize(("fields", "sent"), [({"stop_after": 3}, 3), ({}, 10)])
def test_it_stops_when_too_many_have_failed_again(stand, fields, sent):
    stand.bury(*keys(30))
    stand.ask(id=ID, rate=0.25, **fields)
    resend_all = stand.broker.resend_all

    def fail_at_once(resendings):
        errors = resend_all(resendings)
        for each in resendings:
            lease = stand.run(each.letter.body)
            told = Failure(attempt=lease.attempt, at=stand.clock.now(), error_type="E", error="no")
            stand.ledger.retry(lease, told, due=stand.clock.now() + MINUTE)
        return errors

    stand.broker.resend_all = fail_at_once
    replay = stand.work(ID)
    while replay.standing is Standing.RUNNING:
        replay = stand.work(ID)

    assert replay.standing is Standing.STOPPED
    assert "have failed again" in replay.stopped_because
    assert sent <= replay.sent <= sent + 2


def test_what_cannot_be_sent_is_a_dead_letter_as_before_and_sent_later(stand):
    stand.bury(*keys(3))
    stand.broker.down = True
    stand.ask(id=ID)

    failing = stand.work(ID)

    assert (failing.standing, failing.sent) == (Standing.RUNNING, 0)
    assert set(stand.states().values()) == {"dead"}
    stand.broker.down = False
    assert stand.work(ID).sent == 3
    assert stand.sent() == keys(3)


def test_one_that_cannot_be_sent_holds_up_no_other_and_is_tried_again(stand):
    stand.bury(*keys(3))
    stand.broker.refused = {"msg_k0001"}
    stand.ask(id=ID)

    assert stand.work(ID).sent == 2
    stand.broker.refused = set()

    assert stand.work(ID).sent == 3
    assert stand.sent() == ["k0000", "k0002", "k0001"]


def test_it_gives_up_on_what_can_never_be_sent(stand):
    stand.bury("k")
    stand.broker.down = True
    stand.ask(id=ID)

    for _ in range(20):
        replay = stand.work(ID)

    assert (replay.standing, replay.stopped_because) == (
        Standing.STOPPED,
        "its messages can't be put on the queue: down",
    )


def test_on_a_fifo_queue_none_overtakes_one_that_cannot_be_sent(fifo):
    for n in range(120):
        fifo.bury(f"k{n:04}", ordering_key=("ada", "bob")[n % 2])
    fifo.broker.refused = {"msg_k0010"}
    fifo.ask(id=ID)

    fifo.work(ID)
    held_up = keys(120)[10::2]
    assert set(held_up).isdisjoint(fifo.sent())
    fifo.broker.refused = set()
    fifo.work(ID)

    ada = [key for key in fifo.sent() if int(key[1:]) % 2 == 0]
    assert ada == keys(120)[::2]


def test_named_ones_of_an_ordering_key_go_in_the_order_of_their_deaths(fifo):
    fifo.bury(*keys(250), ordering_key="ada")

    fifo.replay(Selection(names=tuple(reversed(keys(250)))))

    assert fifo.sent() == keys(250)


def test_who_is_killed_leaves_what_he_had_in_hand_to_the_next(stand):
    stand.bury(*keys(450))
    stand.ask(id=ID)
    resend_all, calls = stand.broker.resend_all, []

    def die_in_the_sixth_call(resendings):
        calls.append(len(resendings))
        if len(calls) == 6:
            resend_all(resendings[:20])
            raise KeyboardInterrupt
        return resend_all(resendings)

    stand.broker.resend_all = die_in_the_sixth_call
    with pytest.raises(KeyboardInterrupt):
        stand.work(ID)
    assert stand.work(ID, stand.another()).standing is Standing.RUNNING
    stand.clock.advance(MINUTE)

    replay = stand.work(ID, stand.another())

    assert (replay.standing, replay.sent) == (Standing.FINISHED, 450)
    assert set(stand.sent()) == set(keys(450))
    assert set(stand.states().values()) == {"retrying"}
    # What may have been sent is sent once more: the ledger absorbs the copy.
    assert len(stand.sent()) == 470


def test_while_one_is_at_work_nobody_else_is(stand):
    stand.bury(*keys(3))
    stand.ask(id=ID)
    stand.store.take(ID, "somebody", now=stand.clock.now(), until=stand.clock.now() + MINUTE)

    assert stand.work(ID).sent == 0
    stand.clock.advance(MINUTE)
    assert stand.work(ID).sent == 3


def test_a_ledger_that_does_not_answer_is_told_and_the_replay_goes_on_later(stand):
    stand.bury(*keys(3))
    stand.ask(id=ID)
    stand.ledger.down = True

    with pytest.raises(Unavailable):
        stand.work(ID)
    stand.ledger.down = False

    assert stand.work(ID).sent == 3


def test_the_same_request_carries_on_and_another_one_of_its_id_is_refused(stand):
    stand.bury(*keys(3))
    stand.replay(id=ID, first=1)

    assert stand.ask(id=ID, first=1, by="somebody else").sent == 1
    with pytest.raises(ReplayConflict):
        stand.ask(id=ID, first=2)
