"""Replays: what they send, count and refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headworks.ledger.catalogue import Filter
from headworks.ledger.ledger import State
from headworks.operations.replays import MOST_REPLAYS, Selection, Skipped, Standing
from headworks.telemetry import Action
from tests.support.declarations import SECOND
from tests.support.replays import ID, Stand, a_request, keys, named


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


@pytest.fixture
def fifo(clock, log):
    return Stand(clock, log, fifo=True, consumers=("fulfil_order",))


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
