"""Replays: what they send, count, refuse and leave behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address, Filter
from headworks.ledger.ledger import Entry, Failure, Lease, Letter, State
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.operations.replay_store import MemoryReplayStore
from headworks.operations.replaying import ReplayParts, StoredReplays
from headworks.operations.replays import (
    MOST_REPLAYS,
    ReplayConflict,
    ReplayRequest,
    Selection,
    Skipped,
    Standing,
)
from headworks.outcome import Reason
from headworks.telemetry import Action
from headworks.testing.broker import MemoryBroker
from headworks.topology import Topology
from tests.support.declarations import SECOND, a_queue

MINUTE = timedelta(minutes=1)
ID = "rpl_" + "0" * 32
ALL = Selection()


class Stand:
    """A queue of two consumers, their dead letters, and who replays them."""

    def __init__(self, clock, log, **fields):
        self.clock, self.log = clock, log
        self.queue = a_queue(**{"consumers": ("fulfil_order", "notify_order"), **fields})
        self.addresses = [Address("orders", consumer) for consumer in self.queue.consumers]
        self.ledgers = {address: MemoryLedger(clock) for address in self.addresses}
        self.brokers = {address: MemoryBroker(ordered=self.queue.fifo) for address in self.addresses}
        self.catalogue = MemoryCatalogue(self.ledgers, clock)
        self.store = MemoryReplayStore()
        self.time_left = 20 * SECOND
        self.paused = 0.0
        self.replays = self.another()

    def another(self):
        """Somebody else who replays, with the same stores."""
        return StoredReplays(
            ReplayParts(
                topology=Topology(queues=(self.queue,)),
                catalogue=self.catalogue,
                dead_letters=lambda address: MemoryDeadLetters(self.ledgers[address], self.clock),
                broker=self.brokers.__getitem__,
                claim_check=lambda _: None,
                store=self.store,
                clock=self.clock,
                log=self.log,
                pause=self._pause,
            )
        )

    @property
    def ledger(self):
        return self.ledgers[self.addresses[0]]

    @property
    def broker(self):
        return self.brokers[self.addresses[0]]

    def _pause(self, seconds):
        self.paused += seconds
        self.clock.advance(timedelta(seconds=seconds))

    def bury(self, *keys, consumer=0, **fields):
        """Dead letters, one a second."""
        for key in keys:
            ledger = self.ledgers[self.addresses[consumer]]
            [lease] = ledger.lease([an_entry(key, **fields)], lasts=MINUTE)
            self.die(lease, ledger)
            self.clock.advance(SECOND)

    def die(self, lease, ledger=None):
        (ledger or self.ledger).bury(
            lease.entry,
            Letter(body=lease.entry.key, sent_at=self.clock.now(), ordering_key=lease.entry.ordering_key),
            reason=Reason.EXHAUSTED,
            failure=Failure(attempt=lease.attempt, at=self.clock.now(), error_type="ValueError", error="no"),
            holder=lease,
        )

    def run(self, key, consumer=0):
        [lease] = self.ledgers[self.addresses[consumer]].lease([an_entry(key)], lasts=MINUTE)
        assert isinstance(lease, Lease)
        return lease

    def complete(self, key):
        assert self.ledger.complete([self.run(key)]) == [True]

    def ask(self, selection=ALL, **fields):
        return self.replays.start(a_request(selection, **fields))

    def replay(self, selection=ALL, **fields):
        """Ask for a replay, and work at it for as long as there is time."""
        request = a_request(selection, **fields)
        self.replays.start(request)
        return self.work(request.id)

    def work(self, id_, replays=None):
        until = self.clock.now() + self.time_left
        return (replays or self.replays).work(id_, remaining=lambda: until - self.clock.now())

    def sent(self, consumer=0):
        """Which keys were sent, in their order."""
        return [each.letter.body for each in self.brokers[self.addresses[consumer]].put_back]

    def states(self):
        return {key: str(item.state) for key, item in self.ledger.items.items()}


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


@pytest.fixture
def fifo(clock, log):
    return Stand(clock, log, fifo=True, consumers=("fulfil_order",))


def a_request(selection=ALL, **fields):
    defaults = {"id": f"rpl_{uuid4().hex}", "queue": "orders", "selection": selection, "by": "ops"}
    return ReplayRequest(**{**defaults, **fields})


def named(*names):
    return Selection(names=names)


def an_entry(key, **fields):
    return Entry(**{"key": key, "message_id": f"msg_{key}", "type": "t", "source": "s", **fields})


def keys(number):
    return [f"k{n:04}" for n in range(number)]


def test_all_dead_letters_of_every_consumer_are_sent_once_the_first_dead_first(stand):
    stand.bury(*keys(5))
    stand.bury("other", consumer=1)

    replay = stand.replay()

    assert (replay.standing, replay.sent, replay.skipped) == (Standing.FINISHED, 6, Skipped())
    assert (stand.sent(), stand.sent(1)) == (keys(5), ["other"])
    assert set(stand.states().values()) == {"retrying"}


def test_one_consumers_alone_are_sent_where_that_is_asked_for(stand):
    stand.bury("mine")
    stand.bury("other", consumer=1)

    assert stand.replay(consumer="fulfil_order").sent == 1
    assert (stand.sent(), stand.sent(1)) == (["mine"], [])


def test_what_a_filter_does_not_take_stays_dead(stand):
    stand.bury("a", "b", tenant="acme")
    stand.bury("c")

    stand.replay(Selection(only=Filter(tenant="acme")))

    assert stand.states() == {"a": "retrying", "b": "retrying", "c": "dead"}


def test_what_dies_after_it_was_asked_for_is_left_for_the_next_one(stand):
    stand.bury("before")
    stand.ask(id=ID)
    stand.bury("after")

    assert stand.work(ID).sent == 1
    assert stand.states() == {"before": "retrying", "after": "dead"}


def test_what_dies_again_meanwhile_is_not_sent_again(stand):
    stand.bury(*keys(3))
    stand.ask(id=ID, first=3)
    resend_all = stand.broker.resend_all

    def die_at_once(resendings):
        errors = resend_all(resendings)
        for each in resendings:
            stand.die(stand.run(each.letter.body))
        stand.clock.advance(SECOND)
        return errors

    stand.broker.resend_all = die_at_once
    replay = stand.work(ID)

    assert (replay.sent, replay.failed_again) == (3, 3)
    assert stand.sent() == keys(3)


def test_many_more_than_fit_in_a_hand_are_sent_once_each(stand):
    stand.bury(*keys(523))

    assert stand.replay().sent == 523
    assert stand.sent() == keys(523)


def test_the_first_so_many_are_sent_and_the_same_selection_takes_the_rest(stand):
    stand.bury(*keys(5))

    first = stand.replay(first=2)
    rest = stand.replay()

    assert (first.standing, first.sent, rest.sent) == (Standing.FINISHED, 2, 3)
    assert stand.sent() == keys(5)


def test_named_ones_are_found_by_id_and_by_key_and_what_is_not_sent_is_told(stand):
    stand.bury("dead", "again")
    stand.run("running")
    stand.complete("done")

    replay = stand.replay(named("again", "msg_dead", "running", "done", "nobody's", "msg_again"))

    assert (replay.sent, replay.standing) == (2, Standing.FINISHED)
    assert stand.sent() == ["dead", "again"]
    assert replay.skipped == Skipped(completed=1, busy=1, gone=1)
    assert replay.selected == replay.sent + 3


def test_what_was_completed_runs_again_where_that_is_asked_for(stand):
    stand.bury("k")
    stand.replay()
    stand.complete("k")
    stand.clock.advance(SECOND)

    assert stand.replay(named("k")).skipped == Skipped(completed=1)
    assert stand.replay(named("k"), again=True).sent == 1
    assert stand.run("k").generation == 1


def test_an_accidental_double_sends_once(stand):
    stand.bury("k")
    first, second = a_request(), a_request(named("k"))

    stand.replays.start(first)
    stand.replays.start(second)
    told = [stand.work(first.id), stand.work(second.id)]

    assert [each.sent for each in told] == [1, 0]
    assert told[1].skipped == Skipped(busy=1)
    assert stand.sent() == ["k"]


def test_a_message_is_replayed_ten_times_unless_any_number_is_allowed(stand):
    for _ in range(MOST_REPLAYS):
        stand.bury("k")
        assert stand.replay().sent == 1
    stand.bury("k")

    assert stand.replay().skipped == Skipped(too_often=1)
    assert stand.replay(any_number=True).sent == 1


def test_a_body_that_is_gone_stays_a_dead_letter(stand):
    stand.bury("k", "other")
    letter, reason = stand.ledger.letters["k"]
    stand.ledger.letters["k"] = (replace(letter, body_ref="s3://bodies/gone"), reason)

    replay = stand.replay()

    assert (replay.sent, replay.skipped) == (1, Skipped(not_kept=1))
    assert stand.states() == {"k": "dead", "other": "retrying"}


def test_a_rate_is_kept_to(stand):
    stand.bury(*keys(20))
    began = stand.clock.now()

    replay = stand.replay(rate=4)

    assert replay.sent == 20
    assert 4 * SECOND <= stand.clock.now() - began <= 5 * SECOND


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


def test_a_dry_run_counts_and_sends_nothing(stand):
    stand.bury("a", "b", tenant="acme")
    stand.bury("c")

    counted = stand.replays.count(a_request(Selection(only=Filter(tenant="acme")), first=1))

    assert (counted.standing, counted.selected, counted.sent) == (Standing.DRY_RUN, 2, 0)
    assert counted.notes == ("It would end after the first 1 of them, the first dead first.",)
    assert stand.replays.running() == []
    assert stand.sent() == []


def test_a_dry_run_by_name_says_what_would_not_be_sent(stand):
    stand.bury("dead")
    stand.run("running")
    stand.complete("done")

    counted = stand.replays.count(a_request(named("dead", "msg_dead", "running", "done", "nobody's")))

    assert counted.selected == 1
    assert counted.skipped == Skipped(completed=1, busy=1, gone=1)


def test_a_dry_run_says_what_order_means(fifo):
    fifo.bury("a", "b", ordering_key="ada")
    fifo.bury("c", ordering_key="bob")

    counted = fifo.replays.count(a_request())

    assert (counted.selected, counted.ordering_keys) == (3, 2)
    assert "stays processed" in counted.notes[-1]


def test_each_message_that_is_sent_is_told_with_the_replay(stand):
    stand.bury("k")

    replay = stand.replay()

    [told] = [fields for action, fields in stand.log.lines if action is Action.QUEUED]
    assert (told["message_id"], told["replay"]) == ("msg_k", replay.request.id)


def test_what_runs_again_is_in_a_fresh_series(stand):
    stand.bury("k")

    stand.replay()

    assert stand.run("k").attempt_of_series == 1
    assert stand.ledger.items["k"].state is State.RUNNING
