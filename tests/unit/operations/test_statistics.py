"""The numbers of consumers and sources: what they mean, and what can't be asked doesn't spoil the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from headworks.brokers.redis.upkeep import Paused
from headworks.errors import Unavailable
from headworks.ledger.ledger import Entry, Failure, Letter
from headworks.operations.control import Rates
from headworks.operations.metrics import Told
from headworks.operations.statistics import DeployedStatistics, Sources
from headworks.outcome import Reason
from headworks.telemetry import Action
from headworks.testing.clock import NEW_YEAR
from tests.support.controlled import COUNT, EVENTS, FULFIL, NOTHING, ORDERS, STORE, TOPOLOGY, Controlled

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LETTER = Letter(body="{}", sent_at=NEW_YEAR)
FAILURE = Failure(attempt=1, at=NEW_YEAR, error_type="ValueError", error="no")


class FakeMetrics:
    """Tells what a test says; `down` makes it tell nothing."""

    def __init__(self):
        self.told = {}
        self.down = False

    def of(self, places):
        if self.down:
            raise Unavailable("CloudWatch", "down")
        return {address: self.told.get(address, Told()) for address in places}


class Stand:
    def __init__(self):
        self.controlled = Controlled()
        self.redis = self.controlled.redis
        self.metrics = FakeMetrics()
        sources = Sources(
            sqs=self.controlled.aws.client,
            directory=self.controlled,
            mappings=self.controlled.mappings,
            flags=self.controlled.flags,
            catalogue=self.controlled.catalogue,
            kept_back=self.controlled.kept_back,
            metrics=self.metrics,
            on_redis=self.redis,
        )
        self.statistics = DeployedStatistics(
            TOPOLOGY, sources, clock=self.controlled.clock, log=self.controlled.log
        )

    def of(self, address=FULFIL):
        [stats] = [
            each
            for each in self.statistics.of_queues([ORDERS, EVENTS])[address.queue]
            if each.consumer == address.consumer
        ]
        return stats

    def lease(self, key, address=FULFIL):
        entry = Entry(key=key, message_id=key, type="t", source="stripe")
        [lease] = self.controlled.ledgers[address].lease([entry], lasts=MINUTE)
        return lease

    def receive(self, times=1):
        for _ in range(times):
            self.controlled.aws.client.receive_message(QueueUrl=self.controlled.queues[FULFIL].url)


@pytest.fixture
def stand():
    made = Stand()
    with made.controlled.aws:
        yield made


def test_a_consumer_of_which_nothing_is_known_has_nothing(stand):
    stats = stand.of()

    numbers = (
        stats.pending,
        stats.processing,
        stats.retrying,
        stats.delayed,
        stats.waiting,
        stats.dead,
        stats.unburied,
    )
    assert numbers == (0,) * 7
    assert (stats.oldest_age, stats.rates, stats.paused, stats.counts_are_exact) == (None, None, None, True)
    assert (stats.warnings, stats.trouble) == ((), ())


def test_what_hides_until_its_next_attempt_is_not_being_processed(stand):
    for n in range(5):
        stand.controlled.send(f"k{n}")
    stand.controlled.send("later", delay=10 * MINUTE)
    stand.receive(times=3)
    stand.controlled.ledgers[FULFIL].retry(
        stand.lease("k0"), FAILURE, due=stand.controlled.clock.now() + MINUTE
    )

    stats = stand.of()

    assert (stats.pending, stats.processing, stats.retrying, stats.delayed) == (2, 2, 1, 1)


def test_a_retry_that_is_due_is_pending_again(stand):
    ledger, clock = stand.controlled.ledgers[FULFIL], stand.controlled.clock
    ledger.retry(stand.lease("k0"), FAILURE, due=clock.now() + MINUTE)
    clock.advance(2 * MINUTE)

    assert stand.of().retrying == 0


def test_what_waits_and_what_is_dead_is_counted_in_the_ledger_and_what_is_neither_in_sqs(stand):
    stand.controlled.send("later", delay=DAY)
    for key in ("a", "b"):
        lease = stand.lease(key)
        stand.controlled.ledgers[FULFIL].bury(
            lease.entry, LETTER, reason=Reason.REJECTED, failure=FAILURE, holder=lease
        )
    stand.controlled.queues[FULFIL].dead_letter_queue.send("{}")

    stats = stand.of()

    assert (stats.waiting, stats.dead, stats.unburied) == (1, 2, 1)


def test_each_consumer_of_a_queue_has_numbers_of_its_own(stand):
    stand.controlled.send("k", address=STORE)

    assert (stand.of(STORE).pending, stand.of(COUNT).pending) == (1, 0)


def test_what_cloudwatch_tells_is_told(stand):
    rates = Rates(done=12.0, retried=0.4, dead=0.0)
    stand.metrics.told = {FULFIL: Told(oldest_age=MINUTE, rates=rates)}

    assert (stand.of().oldest_age, stand.of().rates) == (MINUTE, rates)
    assert stand.of(STORE).rates is None


def test_a_pause_is_shown_and_warned_of_when_it_is_long(stand):
    stand.controlled.pauses.pause([FULFIL], by="ada", reason="why not")

    assert (stand.of().paused.by, stand.of().warnings) == ("ada", ())
    stand.controlled.clock.advance(2 * DAY)
    [warning] = stand.of().warnings
    assert warning == "It has been paused for 2 days, by ada."


def test_a_pause_on_record_whose_mapping_is_enabled_is_warned_of(stand):
    stand.controlled.pauses.pause([FULFIL], by="ada", reason=None)
    stand.controlled.mappings.turn(FULFIL, on=True)

    [warning] = stand.of().warnings
    assert "its event source mapping is enabled" in warning


def test_a_mapping_that_somebody_disabled_is_a_pause(stand):
    stand.controlled.mappings.turn(STORE, on=False)

    assert stand.of(STORE).paused.by == "AWS"
    assert stand.of(COUNT).paused is None


def test_messages_that_sqs_will_delete_are_warned_of(stand):
    stand.metrics.told = {FULFIL: Told(oldest_age=10 * DAY)}

    [warning] = stand.of().warnings
    assert warning == "Its oldest message is 10 days old, and SQS deletes messages after 12 days."


def test_one_that_cannot_be_asked_says_so_and_spoils_nothing(stand):
    stand.controlled.send("k", address=STORE)
    stand.controlled.ledgers[FULFIL].down = True
    stand.controlled.mappings.down = {FULFIL}

    stats = stand.of()

    assert (stats.pending, stats.processing, stats.retrying, stats.waiting, stats.dead) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert stats.trouble == (
        "Its retries can't be asked now.",
        "What waits can't be asked now.",
        "Its dead letters can't be asked now.",
        "Its event source mapping can't be asked now.",
    )
    assert (stand.of(STORE).pending, stand.of(STORE).trouble) == (1, ())
    assert Action.TROUBLE in stand.controlled.log.actions


def test_what_all_share_is_everybodys_trouble(stand):
    stand.controlled.flags.down = True
    stand.metrics.down = True

    for address in (FULFIL, STORE):
        stats = stand.of(address)
        assert stats.trouble == ("The record of pauses can't be asked now.", "CloudWatch can't be asked now.")
        assert stats.pending == 0


def test_a_consumer_that_is_not_deployed_yet_is_told_so(stand, monkeypatch):
    monkeypatch.setattr(stand.controlled, "places", dict)

    stats = stand.of()

    assert (stats.pending, stats.dead) == (None, 0)
    assert "Its queue can't be asked now." in stats.trouble


def test_a_source_tells_how_much_it_has_had_kept_back(stand):
    stand.controlled.pauses.pause_source("stripe", by="ada", reason=None)
    for n in range(3):
        stand.controlled.send(f"k{n}", address=STORE, kept_back=True)

    [source] = stand.statistics.of_sources()

    # Two consumers are to have each.
    assert (source.name, source.paused.by, source.held) == ("stripe", "ada", 6)


def test_a_source_whose_events_cannot_be_counted_is_shown_all_the_same(stand):
    stand.controlled.pauses.pause_source("stripe", by="ada", reason=None)
    stand.controlled.ledgers[STORE].down = True

    [source] = stand.statistics.of_sources()

    assert (source.paused.by, source.held) == ("ada", None)


def test_a_consumer_on_redis_has_its_numbers_from_there(stand):
    now = stand.controlled.clock.now()
    stand.redis.told[FULFIL] = replace(
        NOTHING, ready=4, pending=3, due=2, parked=1, oldest=now - 5 * MINUTE, dead=9
    )
    stand.metrics.told[FULFIL] = Told(oldest_age=timedelta(0))

    stats = stand.of()

    assert (stats.pending, stats.processing, stats.due, stats.parked) == (4, 3, 2, 1)
    assert (stats.retrying, stats.delayed, stats.oldest_age) == (None, None, 5 * MINUTE)
    assert (stats.waiting, stats.dead, stats.trouble) == (0, 0, ())


def test_a_clock_of_redis_that_is_ahead_makes_no_message_younger_than_new(stand):
    stand.redis.told[FULFIL] = replace(NOTHING, ready=1, oldest=stand.controlled.clock.now() + MINUTE)

    assert stand.of().oldest_age == timedelta(0)


def test_a_redis_that_does_not_answer_spoils_nobody_elses_numbers(stand):
    stand.redis.told[FULFIL] = NOTHING
    stand.redis.down = True
    stand.controlled.send("k", address=STORE)

    stats = stand.of()

    assert (stats.pending, stats.processing, stats.due, stats.parked) == (None,) * 4
    assert stats.trouble == ("What is on Redis can't be asked now.",)
    assert (stats.dead, stats.waiting) == (0, 0)
    assert (stand.of(STORE).pending, stand.of(STORE).trouble) == (1, ())


def test_what_lies_on_sqs_from_before_a_queue_travelled_over_redis_is_warned_of(stand):
    stand.redis.told[FULFIL] = NOTHING
    stand.controlled.send("k")

    stats = stand.of()

    assert stats.pending == 0
    assert stats.warnings == (
        "On SQS lie 1 more, as from before it travelled over Redis; its numbers are those on Redis.",
    )


def test_who_was_paused_on_redis_alone_shows_as_paused(stand):
    since = stand.controlled.clock.now()
    stand.redis.told[FULFIL] = replace(NOTHING, paused=Paused(since=since, by="", reason="a deployment"))

    paused = stand.of().paused

    assert (paused.since, paused.by, paused.reason) == (since, "Redis", "a deployment")
