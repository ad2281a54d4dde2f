"""What a queue on Redis promises, on every server that it is promised for."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from headworks.brokers.redis.acceptance import Offer
from headworks.brokers.redis.delivered import Finished, Gone, Waits
from headworks.brokers.redis.keys import GROUP
from headworks.errors import InvalidMessage
from tests.support.redis_queue import AT


@pytest.fixture
def queue(make_queue):
    return make_queue()


@pytest.fixture
def ordered(make_queue):
    return make_queue(fifo=True)


def test_messages_come_in_the_order_in_which_they_were_sent(queue):
    queue.send("a", "b", "c")

    assert queue.process().ids() == ["a", "b", "c"]


def test_a_fetch_takes_no_more_than_it_asked_for(queue):
    queue.send("a", "b", "c")
    process = queue.process()

    assert (process.ids(2), process.ids(2), process.ids(2)) == (["a", "b"], ["c"], [])


def test_two_processes_share_the_messages(queue):
    queue.send("a", "b")

    assert queue.process("one").ids(1) + queue.process("two").ids(5) == ["a", "b"]


def test_what_is_finished_is_gone_and_leaves_only_its_key_behind(queue):
    queue.send("a", "b")
    process = queue.process()

    assert process.finish(*process.take()) == frozenset()

    assert queue.everything_left() == [
        f"{queue.keys.tag}:counts",
        f"{queue.keys.tag}:handle:counts",
        f"{queue.keys.tag}:handle:state",
        f"{queue.keys.tag}:key:a",
        f"{queue.keys.tag}:key:b",
    ]
    assert (queue.figures().done, queue.figures().pending, process.deliveries.held) == (2, 0, {})


def test_an_equal_key_is_a_duplicate_that_answers_the_first_id(queue):
    queue.send("first", key="k")

    [second] = queue.send("second", key="k")

    assert (second.message_id, second.duplicate) == ("first", True)
    assert queue.process().ids() == ["first"]


def test_a_message_that_is_sent_again_since_the_answer_was_lost_is_there_once_and_no_duplicate(queue):
    queue.send("a", key="k")

    [again] = queue.send("a", key="k")

    assert (again.message_id, again.duplicate) == ("a", False)
    assert queue.process().ids() == ["a"]


def test_a_key_is_free_again_after_its_window(make_queue):
    queue = make_queue(window=timedelta(milliseconds=1))
    queue.send("first", key="k")
    queue.admin("DEL", f"{queue.keys.tag}:key:k")

    [second] = queue.send("second", key="k")

    assert (second.message_id, second.duplicate) == ("second", False)


def test_a_delayed_message_comes_when_it_is_due_and_not_before(queue):
    queue.send("later", delay=60)
    queue.send("now")
    process = queue.process()

    assert process.ids() == ["now"]
    assert queue.figures().due == 1
    queue.let_waits_end()
    assert process.ids() == ["later"]


def test_a_blocked_fetch_ends_when_something_is_due(queue):
    queue.send("soon")
    process = queue.process()
    [received] = process.take()
    process._settle([Waits(received, 150, received.past)])

    fetched = process.fetch(block=5)

    assert [each.message_id for each in fetched.deliveries] == ["soon"]


def test_a_retry_brings_its_attempts_its_history_and_the_time_of_its_first_sending(queue):
    queue.send("a")
    process = queue.process()
    [first] = process.take()
    process.fail(first)
    queue.let_waits_end()
    [second] = process.take()
    process.fail(second)
    queue.let_waits_end()

    [third] = process.take()

    assert third.past.attempts == 2
    assert [each.error for each in third.past.failures] == ["attempt 1 failed", "attempt 2 failed"]
    assert third.sent_at == first.sent_at
    assert third.body == b'"a"'
    assert not third.is_suspect


def test_a_deferred_message_comes_back_as_it_was(queue):
    queue.send("a")
    process = queue.process()
    process.defer(*process.take())
    queue.let_waits_end()

    [received] = process.take()

    assert (received.past.attempts, queue.figures().deferred, queue.figures().retried) == (0, 1, 0)


def test_what_is_dead_is_gone_and_counted(queue):
    queue.send("a")
    process = queue.process()

    process.bury(*process.take())

    figures = queue.figures()
    assert (figures.ready, figures.pending, figures.due, figures.dead) == (0, 0, 0, 0)
    assert queue.admin("HGET", queue.keys.of("handle").counts, "dead") == b"1"


def test_a_dead_letter_without_another_ledger_is_kept_with_its_body(queue):
    queue.send("a")
    process = queue.process()

    process.bury(*process.take(), letter=b'{"reason": "rejected"}')

    [(_, fields)] = queue.admin("XRANGE", queue.keys.of("handle").dead, "-", "+")
    assert fields == [b"i", b"a", b"m", b'"a"', b"l", b'{"reason": "rejected"}']


def test_many_are_sent_and_settled_in_calls_that_every_server_takes(queue):
    ids = [f"m{n}" for n in range(3000)]
    queue.send(*ids)
    process = queue.process()
    received = process.take(3000)

    failed, finished = received[:1000], received[1000:]
    late = process._settle(
        [*(Waits(each, 1000, each.past) for each in failed), *(Finished(each) for each in finished)]
    )

    assert [each.message_id for each in received] == ids
    assert late == frozenset()
    assert (queue.figures().done, queue.figures().due) == (2000, 1000)


def test_an_idle_consumer_asks_less_than_five_times_a_second(queue):
    process = queue.process()
    process.take()
    before = calls(queue)

    process.fetch(block=2)

    assert calls(queue) - before <= 8


def calls(queue):
    """How many commands clients have sent; what scripts call isn't among them."""
    told = queue.admin("INFO", "commandstats").decode().splitlines()
    sent = [line for line in told if line.startswith(("cmdstat_eval", "cmdstat_xreadgroup"))]
    return sum(int(line.partition("calls=")[2].split(",")[0]) for line in sent)


# Leases


def test_a_lease_that_was_lost_settles_nothing(queue):
    queue.send("a")
    one, two = queue.process("one"), queue.process("two")
    [old] = one.take()
    queue.let_leases_run_out()
    [new] = two.take()

    assert one.fail(old) == frozenset({old.entry})
    assert one.bury(old) == frozenset({old.entry})

    assert (queue.figures().due, queue.figures().pending) == (0, 1)
    assert two.finish(new) == frozenset()


def test_a_lease_that_came_back_to_the_same_name_is_another_lease(queue):
    queue.send("a")
    one, two = queue.process("one"), queue.process("two")
    [first] = one.take()
    queue.let_leases_run_out()
    two.take()
    queue.let_leases_run_out()
    [third] = one.take()

    assert one.fail(first) == frozenset({first.entry})

    assert (third.count, queue.figures().pending) == (3, 1)


def test_a_heartbeat_keeps_a_lease_and_takes_none_from_its_new_owner(queue):
    queue.send("a")
    one, two, three = queue.process("one"), queue.process("two"), queue.process("three")
    [old] = one.take()
    queue.let_leases_run_out()
    [new] = two.take()
    queue.let_leases_run_out()

    assert one.extend(old) == frozenset({old.entry})
    assert two.extend(new) == frozenset()

    assert three.ids() == []
    assert two.finish(new) == frozenset()


def test_a_heartbeat_counts_no_delivery(queue):
    queue.send("a", "b")
    one, two = queue.process("one"), queue.process("two")
    received = one.take()
    for _ in range(3):
        one.extend()
    queue.let_leases_run_out()

    assert (two.take()[0].count, len(received)) == (2, 2)


def test_work_that_was_finished_after_its_lease_isnt_run_a_third_time(queue):
    queue.send("a")
    one, two, three = (queue.process(name) for name in ("one", "two", "three"))
    [old] = one.take()
    queue.let_leases_run_out()
    two.take()

    one.finish(old)
    queue.let_leases_run_out()

    assert three.ids() == []
    assert queue.figures().pending == 0


def test_work_that_was_finished_while_somebody_else_let_it_wait_isnt_run_again(queue):
    queue.send("a")
    one, two = queue.process("one"), queue.process("two")
    [old] = one.take()
    queue.let_leases_run_out()
    two.fail(*two.take())

    one.finish(old)
    queue.let_waits_end()

    assert two.ids() == []
    assert queue.figures().due == 0


def test_a_delivery_isnt_started_after_its_lease_by_the_processs_own_clock(queue):
    queue.send("a")
    process = queue.process(lease=10)
    time = [0.0]
    process.deliveries._now = lambda: time[0]
    [received] = process.take()

    time[0] = 8.9
    assert process.deliveries.may_start(received)
    time[0] = 9.1
    assert not process.deliveries.may_start(received)

    process.extend()
    assert process.deliveries.may_start(received)


def test_a_delivery_that_is_known_to_be_lost_isnt_started(queue):
    queue.send("a")
    one, two = queue.process("one"), queue.process("two")
    [received] = one.take()
    queue.let_leases_run_out()
    two.take()

    one.extend()

    assert not one.deliveries.may_start(received)


def test_an_old_lease_that_is_settled_late_keeps_the_new_one_alive(queue):
    queue.send("a")
    one, two = queue.process("one"), queue.process("two")
    [old] = one.take()
    queue.let_leases_run_out()
    two.take()
    one.extend()
    queue.let_leases_run_out()
    [new] = one.take()

    one.fail(old)

    assert one.deliveries.held == {new.entry: 3}


def test_what_was_handed_back_is_as_good_as_new_and_comes_at_once(queue):
    queue.send("a", "b", "c")
    one, two = queue.process("one"), queue.process("two")
    received = one.take()

    assert one.hand_back(*received[1:]) == frozenset()

    fetched = two.take(idle=False)
    assert [(each.message_id, each.count) for each in fetched] == [("b", 1), ("c", 1)]
    assert list(one.deliveries.held) == [received[0].entry]


def test_a_lost_lease_hands_nothing_back(queue):
    queue.send("a")
    one, two = queue.process("one"), queue.process("two")
    [old] = one.take()
    queue.let_leases_run_out()
    [new] = two.take()

    assert one.hand_back(old) == frozenset({old.entry})

    assert queue.process("three").ids() == []
    assert two.finish(new) == frozenset()


def test_deliveries_whose_answer_was_lost_are_found_and_handed_out_again_as_new(queue):
    queue.send("a", "b")
    keys = queue.keys.of("handle")
    process = queue.process("one")
    assert process.ids(1) == ["a"]
    queue.admin("XREADGROUP", "GROUP", "headworks", "one", "STREAMS", keys.stream, ">")
    process.deliveries._unsure = True

    found = process.take(idle=False)

    assert [(each.message_id, each.count) for each in found] == [("b", 1)]


# Suspects


def test_a_fetch_that_reaches_the_server_after_its_process_gave_it_up_strands_nothing(queue):
    process = queue.process(lease=30)
    assert process.take() == []
    queue.send("a")
    stream = queue.keys.of("handle").stream
    queue.admin("XREADGROUP", "GROUP", GROUP, process.name, "COUNT", 10, "STREAMS", stream, ">")
    assert process.take() == []

    now = process.deliveries._now() + 31
    process.deliveries._now = lambda: now

    assert [(each.message_id, each.count) for each in process.take()] == [("a", 1)]


def test_suspects_come_alone_one_after_the_other(queue):
    queue.send("a", "b", "c")
    queue.process("dead").take()
    queue.let_leases_run_out()
    queue.send("d")
    process = queue.process("alive")

    seen = []
    for _ in range(4):
        received = process.take()
        seen.append([(each.message_id, each.is_suspect) for each in received])
        process.finish(*received)

    assert seen == [[("a", True)], [("b", True)], [("c", True)], [("d", False)]]


def test_a_busy_process_is_told_of_suspects_and_gets_none(queue):
    queue.send("a", "b")
    queue.process("dead").take()
    queue.let_leases_run_out()
    process = queue.process("alive")

    fetched = process.fetch(idle=False)

    assert (fetched.deliveries, fetched.suspects) == ((), 2)
    assert queue.figures().pending == 2


def test_innocents_among_the_prefetched_are_counted_as_no_crash(queue):
    queue.send(*(f"m{n}" for n in range(50)))
    queue.process("dead").take(50)
    queue.let_leases_run_out()
    process = queue.process("alive")

    crashes = []
    while received := process.take():
        crashes += [each.crashes for each in received]
        process.finish(*received)

    assert crashes == [0] * 50


def test_a_poison_message_is_counted_for_each_process_that_it_killed_alone(queue):
    queue.send("poison", "innocent")
    queue.process("first").take()
    queue.let_leases_run_out()

    crashes = []
    for name in ("second", "third", "fourth"):
        [received] = queue.process(name).take()
        crashes.append((received.message_id, received.crashes))
        queue.let_leases_run_out(of=name)

    assert crashes == [("poison", 0), ("poison", 1), ("poison", 2)]


def test_a_suspect_that_is_handed_back_is_still_a_suspect_and_no_crash(queue):
    queue.send("a")
    queue.process("dead").take()
    queue.let_leases_run_out()
    stopping = queue.process("stopping")
    stopping.hand_back(*stopping.take())
    queue.let_leases_run_out()

    [received] = queue.process("alive").take()

    assert (received.is_suspect, received.crashes) == (True, 0)


def test_a_suspect_that_was_handed_back_stays_one_when_its_last_owner_looks_for_lost_answers(queue):
    queue.send("a")
    queue.process("dead").take()
    queue.let_leases_run_out()
    process = queue.process("alive")
    process.hand_back(*process.take())
    process.deliveries._unsure = True

    assert process.fetch(idle=False).suspects == 1
    [received] = process.take()
    assert received.is_suspect


def test_an_entry_that_somebody_deleted_holds_up_nobody(queue):
    queue.send("a", "b")
    queue.process("dead").take(1)
    stream = queue.keys.of("handle").stream
    [(entry, *_)] = queue.admin("XPENDING", stream, "headworks", "-", "+", 10)
    queue.admin("XDEL", stream, entry)
    queue.let_leases_run_out()
    process = queue.process("alive")

    assert process.ids() + process.ids() == ["b"]
    assert queue.figures().pending == 1


def test_a_name_goes_only_when_nothing_is_pending_under_it(queue):
    queue.send("a")
    process = queue.process()
    received = process.take()

    assert not queue.run(process.deliveries.leave())
    process.finish(*received)
    assert queue.run(process.deliveries.leave())

    assert queue.figures().consumers == 0


# Several consumers


@pytest.fixture
def shared(make_queue):
    return make_queue(consumers=("bill", "ship"))


def test_each_consumer_gets_every_message(shared):
    shared.send("a", "b")

    taken = [shared.process(consumer=each).ids() for each in shared.consumers]

    assert taken == [["a", "b"], ["a", "b"]]


def test_retries_deaths_and_marks_of_one_consumer_are_nothing_to_the_other(shared):
    shared.send("a", "b", "c")
    bill, ship = (shared.process(consumer=each) for each in shared.consumers)
    a, b, c = bill.take()
    bill.fail(a)
    bill.bury(b)
    bill.finish(c)
    shared.run(bill.deliveries._settling.mark(["a", "b", "c"]))

    received = ship.take()
    ship.fail(*received)
    shared.let_waits_end("ship")

    assert [each.message_id for each in received] == ["a", "b", "c"]
    assert sorted(ship.ids()) == ["a", "b", "c"]


# FIFO


def test_the_next_of_an_ordering_key_comes_when_the_one_before_is_finished(ordered):
    ordered.send("a1", "b1")
    ordered.send("a2")
    process = ordered.process()

    first = process.take()
    assert [each.message_id for each in first] == ["a1", "b1"]
    assert process.ids() == []
    process.finish(first[0])

    assert process.ids() == ["a2"]


def test_a_failure_blocks_only_its_own_ordering_key(ordered):
    ordered.send("a1", "b1", "a2", "b2")
    process = ordered.process()
    a1, b1 = process.take()
    process.fail(a1)
    process.finish(b1)

    assert process.ids() == ["b2"]
    ordered.let_waits_end()
    assert process.ids() == ["a1"]


def test_a_dead_message_lets_the_next_of_its_ordering_key_go(ordered):
    ordered.send("a1", "a2")
    process = ordered.process()
    process.bury(*process.take())

    assert process.ids() == ["a2"]


def test_a_delayed_message_holds_no_ordering_key_and_queues_up_when_it_is_due(ordered):
    ordered.send("a1", delay=60)
    ordered.send("a2", "a3")
    process = ordered.process()
    [a2] = process.take()
    ordered.let_waits_end()

    assert process.ids() == []
    process.finish(a2)

    taken = process.take()
    assert [each.message_id for each in taken] == ["a3", "a1"]


def test_a_backlog_of_one_ordering_key_comes_in_runs(ordered):
    ordered.send(*(f"a{n}" for n in range(120)))
    process = ordered.process()

    sizes, seen = [], []
    while received := process.take():
        sizes.append(len(received))
        seen += [each.message_id for each in received]
        process.finish(*received)

    assert seen == [f"a{n}" for n in range(120)]
    assert sizes == [1, 50, 50, 19]
    assert ordered.figures().parked == 0


def _run(ordered, process, size=5):
    """A run of `size` messages a1.., after a0 was finished."""
    ordered.send(*(f"a{n}" for n in range(size + 1)))
    process.finish(*process.take())
    return process.take()


def test_a_failure_in_a_run_waits_and_the_rest_of_it_stays_behind(ordered):
    process = ordered.process()
    a1, a2, *_ = _run(ordered, process)
    ordered.send("a6")

    process._settle([Finished(a1), Waits(a2, 1000, a2.past)])

    assert process.ids() == []
    ordered.let_waits_end()
    [again] = process.take()
    assert again.message_id == "a2"
    process.finish(again)
    assert process.ids() == ["a3", "a4", "a5", "a6"]


def test_a_dead_member_of_a_run_stops_nothing(ordered):
    process = ordered.process()
    a1, a2, a3, *rest = _run(ordered, process)

    process._settle([Finished(a1), Gone(a2, b"{}"), Gone(a3), *(Finished(each) for each in rest)])

    figures = ordered.figures()
    assert (figures.done, figures.dead, figures.parked, figures.ordering_keys) == (4, 1, 0, 0)


def test_a_run_whose_owner_died_goes_on_behind_the_last_that_was_finished(ordered):
    dying, process = ordered.process("dying"), ordered.process("alive")
    a1, a2, *_ = _run(ordered, dying)
    dying.finish(a1)
    dying.finish(a2)
    ordered.let_leases_run_out()

    seen = []
    while received := process.take() or process.take():
        seen.append([each.message_id for each in received])
        process.finish(*received)

    assert seen == [["a3"], ["a4"], ["a5"]]


def test_a_run_that_is_handed_back_half_done_goes_on_where_it_was(ordered):
    stopping, process = ordered.process("stopping"), ordered.process("alive")
    a1, *rest = _run(ordered, stopping)
    stopping.finish(a1)

    stopping.hand_back(*rest)

    assert process.ids() == ["a2", "a3", "a4", "a5"]


def test_members_of_a_run_are_settled_in_their_order(ordered):
    process = ordered.process()
    _, a2, *_ = _run(ordered, process)

    with pytest.raises(ValueError, match="member 1 of a run is settled after 0"):
        process.finish(a2)


def test_what_is_deferred_behind_a_failure_of_a_run_goes_back_in_line(ordered):
    process = ordered.process()
    a1, a2, *rest = _run(ordered, process)

    process._settle(
        [
            Finished(a1),
            Waits(a2, 1000, a2.past),
            *(Waits(each, 0, each.past, failed=False) for each in rest),
        ]
    )

    assert process.ids() == []
    ordered.let_waits_end()
    [again] = process.take()
    process.finish(again)
    assert process.ids() == ["a3", "a4", "a5"]


def test_nothing_behind_a_failure_of_a_run_comes_to_an_end(ordered):
    process = ordered.process()
    a1, a2, *_ = _run(ordered, process)

    with pytest.raises(ValueError, match="came to its end after one before it that waits"):
        process._settle([Waits(a1, 1000, a1.past), Finished(a2)])


def test_late_settling_releases_nothing_of_an_ordering_key(ordered):
    ordered.send("a1", "a2")
    one, two = ordered.process("one"), ordered.process("two")
    [old] = one.take()
    ordered.let_leases_run_out()
    [new] = two.take()

    one.finish(old)

    assert ordered.process("three").ids() == []
    two.finish(new)
    assert two.ids() == ["a2"]


def test_a_message_without_an_ordering_key_is_refused(ordered):
    with pytest.raises(InvalidMessage, match="needs an ordering key"):
        ordered.run(ordered.acceptance.enqueue([Offer(id="a", key="a", body="1")]))


def test_each_consumer_of_an_ordered_queue_has_an_order_of_its_own(make_queue):
    shared = make_queue(consumers=("bill", "ship"), fifo=True)
    shared.send("a1", "a2")
    bill, ship = (shared.process(consumer=each) for each in shared.consumers)
    bill.finish(*bill.take())

    assert (bill.ids(), ship.ids()) == (["a2"], ["a1"])


# Upkeep


def test_a_batch_that_is_gathered_takes_nothing_more_once_it_is_paused(queue):
    process = queue.process()
    queue.run(queue.upkeep().pause(at=AT))
    queue.send("a")

    # One fetch right after the other, as by whoever fills a batch.
    fetched = [queue.run(process.deliveries.fetch(10, idle=False)).deliveries for _ in range(3)]

    assert fetched == [(), (), ()]


def test_nothing_is_handed_out_while_paused(queue):
    queue.send("a")
    process = queue.process()

    queue.run(queue.upkeep().pause(at=AT, by="ada", reason="the warehouse moves"))

    fetched = process.fetch()
    assert (fetched.deliveries, fetched.paused) == ((), True)
    paused = queue.figures().paused
    assert (paused.since, paused.by, paused.reason) == (AT, "ada", "the warehouse moves")
    assert queue.run(queue.upkeep().resume())
    assert process.ids() == ["a"]


def test_figures_say_where_everything_is(ordered):
    ordered.send("a1", "a2", "a3", "b1", "c1", "d1")
    ordered.send("e1", delay=60)
    process = ordered.process()
    a1, b1, *_ = process.take(2)
    process.fail(b1)

    figures = ordered.figures()

    assert (figures.ready, figures.pending, figures.due, figures.parked) == (2, 1, 2, 2)
    assert (figures.ordering_keys, figures.retried, figures.consumers) == (4, 1, 1)
    assert figures.oldest == a1.sent_at


def test_figures_count_a_message_that_moves_while_they_are_read(queue):
    with closing(queue.like()) as elsewhere:
        process = elsewhere.process("another")
        for calls in range(1, 10):
            queue.send(f"m{calls}")
            process.fail(*process.take())
            queue.let_waits_end()

            figures = queue.run(interrupted(queue.upkeep().figures(), by=process.fetch, after=calls))

            assert figures.ready + figures.pending + figures.due == calls


def test_a_purge_leaves_nothing_and_frees_the_keys(make_queue):
    queue = make_queue(fifo=True)
    queue.send(*(f"a{n}" for n in range(300)), "b1", "b2", "c1")
    queue.send("d1", delay=60)
    process = queue.process()
    a, b, c = process.take()
    process.finish(a)
    process.fail(b)

    removed = queue.run(queue.upkeep().purge())

    figures = queue.figures()
    # All but a0, which was done.
    assert (removed.removed, removed.spared, removed.running, removed.more) == (303, 0, 0, False)
    assert (figures.ready, figures.pending, figures.due, figures.parked, figures.ordering_keys) == (0,) * 5
    assert process.finish(c) == frozenset({c.entry})
    assert [each.duplicate for each in queue.send("a7", "b2", "c1", "d1")] == [False] * 4


def test_a_purge_that_is_killed_leaves_no_ordering_key_behind_a_message_that_is_gone(make_newest_queue):
    for calls in range(1, 16):
        queue = make_newest_queue(fifo=True)
        queue.send("a1", "a2", "b1", "b2", "c1")
        process = queue.process()
        process.fail(*process.take(1))

        for _ in zip(range(calls), calls_of(queue, queue.upkeep().purge()), strict=False):
            pass

        queue.let_waits_end()
        queue.send("a9", "b9", "c9")
        came = []
        while taken := process.take():
            came += [each.message_id for each in taken]
            process.finish(*taken)
        assert {"a9", "b9", "c9"} <= set(came), f"killed after {calls} calls"
        figures = queue.figures()
        assert (figures.parked, figures.ordering_keys) == (0, 0)


def test_a_repair_frees_an_ordering_key_whose_holder_is_nowhere(ordered):
    ordered.send("a1", "a2", "b1", "b2", "c1", "c2")
    process = ordered.process()
    a1, b1, _ = process.take()
    process.fail(b1)
    keys = ordered.keys.of("handle")
    ordered.admin("XDEL", keys.stream, a1.entry)
    ordered.admin("HDEL", keys.held, "b1")

    repaired = ordered.run(ordered.upkeep().repair())

    assert repaired.freed == 2
    assert sorted(process.ids()) == ["a2", "b2"]


def test_a_repair_finds_what_waits_without_a_due_time(queue):
    queue.send("a", delay=60)
    queue.admin("DEL", queue.keys.of("handle").due)

    assert queue.run(queue.upkeep().repair()).found == 1

    assert queue.process().ids() == ["a"]


def test_a_consumer_goes_on_when_everything_is_gone(queue):
    queue.send("a")
    process = queue.process()
    [a] = process.take()
    for key in queue.admin("KEYS", f"{queue.keys.tag}*"):
        queue.admin("DEL", key)

    assert process.finish(a) == frozenset({a.entry})
    queue.send("b")

    assert process.ids() == ["b"] or process.ids() == ["b"]


def test_scripts_are_sent_anew_where_the_server_forgot_them(queue):
    queue.send("a")
    queue.admin("SCRIPT", "FLUSH")
    process = queue.process()

    assert process.finish(*process.take()) == frozenset()


def interrupted(operation, *, by, after):
    """An operation during which something happens: after so many of its calls."""
    answer, calls = None, 0
    while True:
        try:
            wanted = operation.send(answer)
        except StopIteration as end:
            return end.value
        if calls == after:
            by()
        answer = yield wanted
        calls += 1


def calls_of(queue, operation):
    """An operation's calls, made one by one for whoever may stop at any."""
    answer = None
    while True:
        try:
            wanted = operation.send(answer)
        except StopIteration:
            return
        answer = queue.run(_made(wanted))
        yield


def _made(call):
    return (yield call)
