"""Pausing and resuming: consumers by their mappings, sources by what is kept back, on record in either case."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.errors import Unavailable
from headworks.ledger.ledger import State
from headworks.operations.control import Pause
from headworks.operations.flags import Phase, of_consumer, of_source
from headworks.operations.pausing import SOMEBODY
from headworks.operations.resuming import STRAGGLERS
from headworks.telemetry import Action
from tests.support.controlled import ADDRESSES, COUNT, FULFIL, NOTHING, POST, STORE, Controlled

MINUTE = timedelta(minutes=1)


@pytest.fixture
def controlled():
    made = Controlled()
    with made.aws:
        yield made


def pause(controlled, *addresses, by="ada", reason="the shop is down"):
    return controlled.pauses.pause(addresses or [FULFIL], by=by, reason=reason)


def test_500_messages_that_arrive_while_it_is_paused_are_done_once_each_when_it_is_resumed(controlled):
    controlled.map()
    pause(controlled)

    for n in range(500):
        controlled.send(f"k{n}")
    controlled.aws.run_for(60 * MINUTE)
    assert controlled.done[FULFIL] == []
    controlled.pauses.resume([FULFIL])
    controlled.aws.run_until_idle()

    assert sorted(controlled.done[FULFIL]) == sorted(f"k{n}" for n in range(500))
    assert controlled.queues[FULFIL].messages == []


def test_what_is_paused_is_on_record_with_since_when_by_whom_and_why(controlled):
    [changed] = pause(controlled)

    expected = Pause(since=controlled.clock.now(), by="ada", reason="the shop is down")
    assert (changed.address, changed.paused, changed.changed) == (FULFIL, expected, True)
    assert controlled.pauses.of_consumers() == {FULFIL: expected}
    assert not controlled.mappings.state(FULFIL).is_enabled
    assert Action.PAUSED in controlled.log.actions


def test_pausing_again_changes_nothing_and_says_who_did_it_first(controlled):
    pause(controlled)
    controlled.clock.advance(MINUTE)

    [again] = pause(controlled, by="bob")

    assert (again.changed, again.paused.by) == (False, "ada")


def test_a_mapping_that_was_turned_on_by_other_means_is_turned_off_by_pausing_again(controlled):
    pause(controlled)
    controlled.mappings.turn(FULFIL, on=True)

    pause(controlled)

    assert not controlled.mappings.state(FULFIL).is_enabled


def test_what_is_resumed_takes_again_and_is_on_record_no_more(controlled):
    pause(controlled, FULFIL, STORE)

    [changed] = controlled.pauses.resume([FULFIL])

    assert (changed.paused, changed.changed) == (None, True)
    assert controlled.pauses.of_consumers().keys() == {STORE}
    assert controlled.mappings.state(FULFIL).is_enabled
    [again] = controlled.pauses.resume([FULFIL])
    assert not again.changed


def test_a_mapping_that_was_disabled_by_other_means_shows_as_paused_and_is_resumed(controlled):
    controlled.mappings.turn(COUNT, on=False)

    assert controlled.pauses.of_consumers() == {COUNT: Pause(since=controlled.clock.now(), by=SOMEBODY)}
    [changed] = controlled.pauses.resume([COUNT])
    assert changed.changed
    assert controlled.pauses.of_consumers() == {}


def test_trouble_with_one_is_raised_when_the_others_have_been_paused(controlled):
    controlled.mappings.down = {FULFIL}

    with pytest.raises(Unavailable):
        pause(controlled, *ADDRESSES)

    assert not any(controlled.mappings.state(address).is_enabled for address in (STORE, COUNT, POST))


def test_a_pause_that_broke_off_is_on_record_so_that_nothing_is_off_and_forgotten(controlled):
    controlled.mappings.down = {FULFIL}
    with pytest.raises(Unavailable):
        pause(controlled)
    controlled.mappings.down = set()

    assert controlled.flags.flags[of_consumer(FULFIL)].is_up
    pause(controlled)
    assert not controlled.mappings.state(FULFIL).is_enabled


def test_a_source_is_paused_and_on_record(controlled):
    changed = controlled.pauses.pause_source("stripe", by="ada", reason=None)

    assert (changed.source, changed.changed) == ("stripe", True)
    assert controlled.pauses.of_sources() == {"stripe": Pause(since=controlled.clock.now(), by="ada")}
    assert not controlled.pauses.pause_source("stripe", by="bob", reason=None).changed


def test_what_a_source_had_kept_back_is_sent_once_in_the_order_in_which_it_came(controlled):
    controlled.map()
    controlled.wake_every_minute()
    controlled.pauses.pause_source("stripe", by="ada", reason=None)
    for n in range(30):
        controlled.send(f"k{n}", address=STORE, kept_back=True)
        controlled.clock.advance(timedelta(seconds=1))
    controlled.aws.run_for(60 * MINUTE)
    assert controlled.done[STORE] == controlled.done[COUNT] == []

    controlled.pauses.resume_source("stripe")
    controlled.aws.run_for(10 * MINUTE)

    for address in (STORE, COUNT):
        assert sorted(controlled.done[address]) == sorted(f"k{n}" for n in range(30))
    woken = [fields for action, fields in controlled.log.lines if action is Action.QUEUED]
    first = [fields["message_id"] for fields in woken if fields.get("consumer") == "store_event"]
    assert (len(first), first) == (30, sorted(first))
    assert controlled.flags.flags[of_source("stripe")].phase is Phase.OVER


def test_an_event_that_a_straggler_keeps_back_after_the_end_is_sent_all_the_same(controlled):
    controlled.map()
    controlled.wake_every_minute()
    controlled.pauses.pause_source("stripe", by="ada", reason=None)
    controlled.pauses.resume_source("stripe")
    controlled.aws.run_for(MINUTE)

    controlled.send("late", address=STORE, kept_back=True)
    controlled.aws.run_for(10 * MINUTE)

    assert controlled.done[STORE] == ["late"]


def test_a_source_is_not_resumed_for_good_before_the_last_straggler_can_have_come(controlled):
    controlled.pauses.pause_source("stripe", by="ada", reason=None)

    controlled.pauses.resume_source("stripe")

    flag = controlled.flags.flags[of_source("stripe")]
    assert (flag.phase, controlled.pauses.of_sources()) == (Phase.RESUMING, {})
    controlled.clock.advance(STRAGGLERS)
    controlled.resuming.go_on("stripe", flag, remaining=lambda: MINUTE)
    assert controlled.flags.flags[of_source("stripe")].phase is Phase.OVER


def test_with_no_time_left_nothing_is_let_go_and_it_goes_on_the_next_minute(controlled):
    controlled.pauses.pause_source("stripe", by="ada", reason=None)
    controlled.send("k", address=STORE, kept_back=True)
    controlled.flags.take_down(of_source("stripe"), phase=Phase.RESUMING, at=controlled.clock.now())
    flag = controlled.flags.flags[of_source("stripe")]
    controlled.clock.advance(STRAGGLERS)

    controlled.resuming.go_on("stripe", flag, remaining=lambda: timedelta(seconds=1))

    assert controlled.flags.flags[of_source("stripe")].phase is Phase.RESUMING
    controlled.resuming.go_on("stripe", flag, remaining=lambda: MINUTE)
    assert controlled.ledgers[STORE].items["k"].due < controlled.clock.now()


def test_a_source_that_is_paused_again_while_it_is_resumed_keeps_back_what_is_left(controlled):
    controlled.pauses.pause_source("stripe", by="ada", reason=None)
    controlled.pauses.resume_source("stripe")
    controlled.pauses.pause_source("stripe", by="bob", reason=None)
    controlled.send("k", address=STORE, kept_back=True)

    flag = controlled.flags.flags[of_source("stripe")]
    controlled.resuming.go_on("stripe", flag, remaining=lambda: MINUTE)

    assert controlled.pauses.of_sources()["stripe"].by == "bob"
    assert controlled.kept_back.count("stripe").number == 2
    assert controlled.ledgers[STORE].items["k"].state is State.WAITING


def test_a_long_delay_of_the_same_source_is_not_let_go(controlled):
    controlled.send("year", address=STORE, delay=timedelta(days=365))
    controlled.pauses.pause_source("stripe", by="ada", reason=None)
    due = controlled.ledgers[STORE].items["year"].due

    controlled.pauses.resume_source("stripe")

    assert controlled.ledgers[STORE].items["year"].due == due
    assert controlled.kept_back.count("stripe").number == 0


def test_what_travels_over_redis_is_paused_and_resumed_there_too(controlled):
    controlled.redis.told[FULFIL] = NOTHING
    pause(controlled, FULFIL, STORE)
    [changed] = pause(controlled, FULFIL, by="bob")

    assert controlled.redis.paused == {FULFIL: changed.paused}
    controlled.pauses.resume([FULFIL, STORE])
    assert controlled.redis.paused == {}


def test_a_pause_is_on_record_where_redis_does_not_answer(controlled):
    controlled.redis.told[FULFIL] = NOTHING
    controlled.redis.down = True

    [changed] = pause(controlled)

    assert changed.changed
    assert controlled.flags.flags[of_consumer(FULFIL)].is_up
    assert Action.TROUBLE in controlled.log.actions


def test_a_pause_is_not_over_before_redis_has_heard_of_it(controlled):
    controlled.redis.told[FULFIL] = NOTHING
    pause(controlled)
    controlled.redis.down = True
    with pytest.raises(Unavailable):
        controlled.pauses.resume([FULFIL])
    assert controlled.flags.flags[of_consumer(FULFIL)].is_up

    controlled.redis.down = False
    controlled.pauses.resume([FULFIL])

    assert not controlled.flags.flags[of_consumer(FULFIL)].is_up
    assert controlled.redis.paused == {}


def test_resuming_lifts_a_pause_that_is_on_redis_alone(controlled):
    controlled.redis.told[FULFIL] = NOTHING
    controlled.redis.paused[FULFIL] = Pause(since=controlled.clock.now(), by="Redis", reason=None)

    [changed] = controlled.pauses.resume([FULFIL])

    assert (changed.changed, controlled.redis.paused) == (True, {})
