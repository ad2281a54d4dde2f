"""What died over Redis tells the same story as what died over SQS, in every ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headworks.errors import Reject
from headworks.ledger.ledger import Lease, Lived, State
from headworks.message import encode
from headworks.outcome import Reason
from headworks.retry import RetryPolicy
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from tests.support.dead_letters import FULFIL, LETTER, STORES, entry, failure, stand_on
from tests.support.declarations import SECOND, a_message
from tests.support.redis_drain import Drained
from tests.support.redis_workers import WorkedQueue

LIVED = Lived(attempt=3, crashes=1, history=(failure(1), failure(3)))


@pytest.fixture(params=STORES)
def stand(request, clock):
    return stand_on(request, clock)


@pytest.fixture
def drained(newest_server, clock, log, stand):
    made = Drained(newest_server, clock, log, failing(), ledger=stand.ledger)
    yield made
    made.close()


def failing():
    """A handler that fails otherwise each time, and gives up at the third."""

    def fail(message, context):
        if context.attempt == 3:
            raise Reject("there is no such order")
        raise ValueError(f"attempt {context.attempt} failed")

    return fail


def bury(stand, **fields):
    return stand.ledger.bury(entry(), LETTER, reason=Reason.EXHAUSTED, failure=failure(3), **fields)


def test_a_key_that_is_new_has_the_attempts_that_its_transport_counted(stand):
    assert bury(stand, lived=LIVED) is State.DEAD

    story = stand.story()
    assert (story.listed.attempt, story.listed.crashes, story.listed.error_type) == (3, 1, "ValueError")
    assert story.history == LIVED.history


def test_buried_once_more_it_says_what_it_said(stand):
    bury(stand, lived=LIVED)

    assert bury(stand, lived=Lived(attempt=4, history=(failure(4),))) is State.DEAD
    assert stand.story().history == LIVED.history


def test_a_key_that_is_known_keeps_its_own_attempts(stand):
    lease = stand.lease()
    stand.ledger.retry(lease, failure(1), due=stand.clock.now())

    assert bury(stand, lived=LIVED) is State.DEAD
    assert (stand.story().listed.attempt, stand.story().history) == (1, (failure(1),))


def test_what_is_put_back_begins_a_fresh_series_behind_what_it_has_lived(stand):
    bury(stand, lived=LIVED)
    stand.clock.advance(SECOND)

    stand.put_back()

    lease = stand.lease()
    assert isinstance(lease, Lease)
    assert (lease.attempt, lease.earlier, lease.attempt_of_series) == (4, 3, 1)
    assert lease.history == LIVED.history


def test_what_died_in_a_drain_tells_the_story_that_it_would_tell_on_sqs(drained, stand, clock):
    drained.send("over-redis")
    for _ in range(3):
        drained.drain(seconds=0.1)
        drained.let_waits_end()
    body = encode(a_message(idempotency_key="over-sqs"))
    for receive_count in (1, 2, 3):
        drained.consumer(
            sqs_event(sqs_record(body, message_id="s", receive_count=receive_count)), FakeContext()
        )
        clock.advance(5 * SECOND)

    redis, sqs = (stand.story(key) for key in ("over-redis", "over-sqs"))
    assert (redis.listed.state, redis.listed.reason) == (State.DEAD, Reason.REJECTED)
    assert _told(redis) == _told(sqs)
    assert [each.version for each in redis.history] == ["7", "7", "7"]


def _told(story):
    """What `headworks dead show` says of it, but for what differs from run to run."""
    listed = story.listed
    header = (listed.attempt, listed.crashes, listed.reason, listed.error_type, listed.error, listed.fault)
    history = [replace(each, at=None, duration_ms=0, request_id="", stack="") for each in story.history]
    return header, history, [bool(each.stack) for each in story.history]


def test_what_died_in_a_worker_tells_each_of_its_attempts(newest_server, stand):
    queue = WorkedQueue(newest_server, retry=RetryPolicy(delays=(SECOND, SECOND)))
    try:
        queue.send("a")
        queue.start(failing(), lasting=stand.ledger)
        queue.hurry_until(lambda: stand.listed(State.DEAD), what="it is dead")
    finally:
        queue.close()

    story = stand.story("a")
    assert (story.listed.address, story.listed.attempt, story.listed.state) == (FULFIL, 3, State.DEAD)
    assert [(each.attempt, each.error) for each in story.history] == _ATTEMPTS


def test_what_died_where_redis_is_the_ledger_tells_each_of_its_attempts(newest_server):
    queue = WorkedQueue(newest_server, retry=RetryPolicy(delays=(SECOND, SECOND)))
    try:
        queue.send("a")
        queue.start(failing())
        queue.hurry_until(queue.letters, what="it is dead")
        [kept] = queue.letters()
    finally:
        queue.close()

    assert (kept.letter.key, kept.letter.attempts, kept.letter.reason) == ("a", 3, "rejected")
    assert [(each.attempt, each.error) for each in kept.letter.failures] == _ATTEMPTS


_ATTEMPTS = [(1, "attempt 1 failed"), (2, "attempt 2 failed"), (3, "there is no such order")]


def test_what_came_too_late_tells_the_attempts_that_it_had(drained, stand, clock):
    [sent] = drained.send("k", expires_at=clock.now() + 10 * SECOND)
    drained.drain(seconds=0.1)
    drained.let_waits_end()
    clock.advance(11 * SECOND)

    drained.drain(seconds=0.1)

    story = stand.story()
    assert (story.listed.reason, story.listed.attempt) == (Reason.EXPIRED, 1)
    assert [each.error for each in story.history] == ["attempt 1 failed"]
    assert story.letter is not None
    assert story.listed.entry.message_id == sent.message_id
