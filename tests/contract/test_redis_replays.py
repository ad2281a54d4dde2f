"""A dead letter of a Redis queue that is put back over Redis: the same states as over SQS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headworks.brokers.redis.broker import delivery_of
from headworks.brokers.redis.settling import Settling
from headworks.errors import Reject, Unavailable
from headworks.ledger.dead_letters import Refusal
from headworks.ledger.ledger import Entry, Letter, State
from headworks.message import encode
from headworks.operations.replays import Standing
from headworks.outcome import Reason
from headworks.processing import message_in
from headworks.waking import Waker
from tests.support.dead_letters import LASTS, in_memory, stand_on
from tests.support.declarations import SECOND, a_message
from tests.support.redis_replays import TAKERS, Replayed, do_well, fail


@pytest.fixture(params=("memory", "moto"))
def ledgers(request, clock):
    return stand_on(request, clock)


@pytest.fixture
def memory(clock):
    return in_memory(clock)


@pytest.fixture(params=TAKERS)
def stand(request, newest_server, clock, log, memory):
    made = Replayed(newest_server, clock, log, memory, request.param)
    yield made
    made.close()


@pytest.fixture
def drained(newest_server, clock, log, ledgers):
    # moto isn't for several threads, so it has drains alone.
    made = Replayed(newest_server, clock, log, ledgers, "drain")
    yield made
    made.close()


def test_what_was_put_back_and_does_well_is_completed_with_its_history(stand):
    stand.die("a")
    stand.does = do_well

    replay = stand.replay("a")
    stand.take_until("a", State.COMPLETED)

    assert (replay.standing, replay.sent) == (Standing.FINISHED, 1)
    story = stand.story("a")
    assert (story.listed.attempt, story.listed.earlier, story.listed.replays) == (3, 2, 1)
    assert [each.attempt for each in story.history] == [1, 2]
    assert len(stand.seen) == 1
    stand.stop()
    assert stand.drained.left() == (0, 0, 0)


def test_its_handler_has_a_fresh_series_and_all_that_was_before(stand):
    stand.die("a")
    stand.does = do_well

    stand.replay("a")
    stand.take_until("a", State.COMPLETED)

    [(message, context)] = stand.seen
    assert (context.attempt, context.max_attempts) == (1, 2)
    assert [each.attempt for each in context.history] == [1, 2]
    assert (message.idempotency_key, context.idempotency_key) == ("a", "a")


def test_what_was_put_back_and_dies_again_is_a_dead_letter_of_that_replay(stand):
    stand.die("a")

    replay = stand.replay("a")
    stand.take_until("a", State.DEAD)

    story = stand.story("a")
    assert (story.listed.reason, story.listed.attempt, story.listed.earlier) == (Reason.EXHAUSTED, 4, 2)
    assert [each.attempt for each in story.history] == [1, 2, 3, 4]
    assert story.listed.replay == replay.request.id
    assert [context.attempt for _, context in stand.seen] == [1, 2]


def test_what_fails_once_on_its_way_is_retrying_until_its_next_attempt(stand):
    stand.die("a")
    stand.replay("a")

    def fail_and_wait(message):
        stand.does = do_well
        fail(message)

    stand.does = fail_and_wait
    stand.take_until("a", State.COMPLETED)

    assert [context.attempt for _, context in stand.seen] == [1, 2]
    assert [each.attempt for each in stand.story("a").history] == [1, 2, 3]


def test_rejected_it_is_dead_at_once(stand):
    stand.die("a")

    def reject(_):
        raise Reject("never")

    stand.does = reject
    stand.replay("a")
    stand.take_until("a", State.DEAD)

    assert (stand.story("a").listed.reason, len(stand.seen)) == (Reason.REJECTED, 1)


def test_two_replays_put_it_back_once(stand):
    stand.die("a")
    stand.does = do_well

    stand.stop()
    first, second = stand.replay("a"), stand.replay("a")
    stand.take_until("a", State.COMPLETED)

    assert (first.sent, second.sent, second.skipped.busy) == (1, 0, 1)
    assert len(stand.seen) == 1


def test_killed_between_sending_and_marking_it_is_sent_again_and_runs_once(stand):
    stand.die("a")
    stand.does = do_well
    claim = stand.ledgers.claim_one("a")
    stand.stop()
    stand.way_back.resend(claim.entry.message_id, claim.letter, delay=0 * SECOND, sending=1)
    stand.clock.advance(2 * LASTS)

    stand.replay("a")
    stand.take_all()

    assert (stand.state("a"), len(stand.seen)) == (State.COMPLETED, 1)


def test_what_was_completed_runs_anew_as_another_effect_if_that_is_asked_for(stand):
    stand.die("a")
    stand.does = do_well
    stand.replay("a")
    stand.take_until("a", State.COMPLETED)
    stand.clock.advance(SECOND)

    refused, again = stand.replay("a"), stand.replay("a", again=True)
    stand.take_all()

    assert (refused.sent, refused.skipped.completed, again.sent) == (0, 1, 1)
    assert [message.idempotency_key for message, _ in stand.seen] == ["a", "a.again1"]
    assert stand.seen[1][1].idempotency_key == "a.again1"
    assert stand.state("a") is State.COMPLETED


def test_a_copy_that_had_finished_after_all_closes_it_without_a_run(stand):
    """Its owner was frozen past its lease, and told of the effect when somebody else had given it up."""
    stand.die("a")
    marking = Settling(stand.drained.of, "late", {}, fifo=False, scripts=stand.drained.scripts)
    stand.drained.connection.run(marking.mark([stand.story("a").listed.entry.message_id]))

    stand.replay("a")
    stand.take_until("a", State.COMPLETED)

    assert stand.seen == []


def test_an_edited_letter_travels_as_it_was_edited(stand):
    stand.die("a")
    letter = stand.story("a").letter
    changed = replace(letter, body=letter.body.replace('"n":"a"', '"n":"b"'))
    stand.ledgers.dead_letters.edit("a", changed, by="ada")
    stand.clock.advance(SECOND)
    stand.does = do_well

    stand.replay("a")
    stand.take_until("a", State.COMPLETED)

    assert [message.data for message, _ in stand.seen] == [{"n": "b"}]


def test_what_was_deleted_is_not_put_back(stand):
    stand.die("a")
    stand.ledgers.dead_letters.take_away("a")

    assert stand.replay("a").skipped.gone == 1
    assert stand.drained.left() == (0, 0, 0)


def test_while_the_ledger_does_not_answer_it_comes_back_and_nothing_is_counted(stand):
    stand.die("a")
    stand.stop()
    stand.does = do_well
    stand.replay("a")

    stand.ledgers.ledger.down = True
    stand.take_once()
    stand.ledgers.ledger.down = False
    stand.take_until("a", State.COMPLETED)

    assert (len(stand.seen), stand.story("a").listed.attempt) == (1, 3)


def test_many_are_put_back_at_a_rate_and_all_are_closed(stand, clock):
    keys = [f"k{number}" for number in range(12)]
    stand.die(*keys)
    stand.does = do_well

    began = clock.now()
    stand.stop()
    replay = stand.replay(*keys, rate=4)
    took = clock.now() - began
    stand.take_all()

    assert (replay.sent, sorted(message.data["n"] for message, _ in stand.seen)) == (12, sorted(keys))
    assert took >= 2 * SECOND
    assert {stand.state(key) for key in keys} == {State.COMPLETED}


def test_a_redis_that_is_gone_leaves_dead_letters_where_they_are(stand):
    stand.die("a")
    stand.stop()

    class Gone:
        def run(self, operation):
            raise Unavailable("Redis", "gone")

    stand.way_back._connection = Gone()
    replay = stand.replay("a")

    assert (replay.sent, stand.state("a")) == (0, State.DEAD)


def test_a_suspect_whose_owner_died_between_the_ledger_and_settling_does_not_run_again(stand):
    """It is dead: somebody may have put it back since."""
    stand.drained.send("a")
    [received] = stand.drained.take()
    message = message_in(delivery_of(received), stand.queue)
    letter = Letter(body=received.body.decode(), sent_at=stand.clock.now())
    stand.ledgers.ledger.bury(Entry.of(message), letter, reason=Reason.REJECTED, failure=None)
    stand.drained.let_leases_run_out()

    stand.take_all()

    assert (stand.seen, stand.state("a")) == ([], State.DEAD)


def test_refusals_are_those_of_sqs(stand):
    stand.die("a")
    stand.stop()
    stand.replay("a")

    assert stand.ledgers.claim("a") == [Refusal.BUSY]


def test_what_waited_in_the_ledger_is_woken_over_redis(stand, log, clock):
    """What a paused source kept back, for one."""
    message = a_message(b'{"n": "a"}', idempotency_key="a")
    letter = Letter(body=encode(message), sent_at=clock.now())
    stand.ledgers.ledger.hold(Entry.of(message), letter, due=clock.now())
    stand.does = do_well
    waker = Waker(
        queue=stand.queue,
        consumer=stand.queue.consumers[0],
        ledger=stand.ledgers.ledger,
        broker=stand.way_back,
        claim_check=None,
        clock=clock,
        log=log,
    )

    assert waker.wake(remaining=lambda: 60 * SECOND) == 1
    stand.take_until("a", State.COMPLETED)

    [(seen, context)] = stand.seen
    assert (seen.id, context.attempt) == (message.id, 1)


def test_the_deployed_ledger_says_the_same(drained):
    """From death to death to completion, and once more on purpose."""
    drained.die("a")
    drained.replay("a")
    drained.take_until("a", State.DEAD)
    again = drained.story("a")
    drained.clock.advance(SECOND)
    drained.does = do_well
    drained.replay("a")
    drained.take_until("a", State.COMPLETED)
    drained.clock.advance(SECOND)
    drained.replay("a", again=True)
    drained.take_all()

    story = drained.story("a")
    assert (again.listed.attempt, again.listed.earlier, len(again.history)) == (4, 2, 4)
    assert (story.listed.state, story.listed.attempt, story.listed.replays) == (State.COMPLETED, 6, 3)
    assert [message.idempotency_key for message, _ in drained.seen][-2:] == ["a", "a.again1"]
    assert [each.again for each in story.replayed] == [False, False, True]
