"""The declaration derives what follows and refuses what can't work."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from headworks.bucket import Bucket
from headworks.edge import Edge
from headworks.errors import InvalidDeclaration, InvalidQueue
from headworks.queue import Queue
from headworks.retry import RetryPolicy
from headworks.table import Table
from headworks.topology import Topology
from headworks.webhooks.routes import Route
from headworks.webhooks.sources import stripe
from pipeline import TOPOLOGY
from pipeline.queues import PAYMENTS, WEBHOOKS

S = timedelta(seconds=1)


def a_queue(**fields):
    return Queue(**{"name": "orders", "payload": Any, "consumers": ("fulfil_order",), **fields})


def test_timeouts_follow_from_the_handlers():
    queue = a_queue(timeout=20 * S, batch_size=25, concurrency=10, batch_window=2 * S)

    assert queue.function_timeout == 65 * S
    assert queue.visibility_timeout == 392 * S


def test_names_follow_from_the_queues():
    queue = a_queue(name="order-events")

    assert queue.url_variable("fulfil_order") == "QUEUE_URL_ORDER_EVENTS"
    assert queue.dead_letter_url_variable("fulfil_order") == "DEAD_LETTER_QUEUE_URL_ORDER_EVENTS"
    assert queue.resource_id_of("fulfil_order") == queue.resource_id == "OrderEvents"


def test_each_of_several_consumers_has_a_queue_of_its_own():
    queue = a_queue(name="order-events", consumers=("update_stock", "notify_order"))

    assert queue.topic_variable == "TOPIC_ARN_ORDER_EVENTS"
    assert queue.url_variable("update_stock") == "QUEUE_URL_ORDER_EVENTS__UPDATE_STOCK"
    assert queue.resource_id_of("notify_order") == "OrderEventsNotifyOrder"


def test_a_long_wait_leaves_the_queue_and_its_age_begins_anew():
    delays = (S, 60 * S, 3600 * S)

    assert a_queue(retry=RetryPolicy(delays=delays)).oldest_age_alarm < timedelta(minutes=15)
    assert a_queue(retry=RetryPolicy(delays=delays), fifo=True).oldest_age_alarm > timedelta(hours=1)


def test_a_key_is_remembered_longer_than_any_copy_can_live():
    assert a_queue().memory_of_keys > a_queue().retention + a_queue().dead_letter_retention


def test_the_dead_letter_queue_outlives_the_queue():
    # The retention clock of a standard queue goes on from the first send.
    assert a_queue().dead_letter_retention > a_queue().retention


def test_redrive_is_a_net_and_not_the_attempt_limit():
    assert a_queue().receive_limit >= 100
    assert a_queue(fifo=True).receive_limit == 1000


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "Orders"}, "'Orders' isn't a queue's name"),
        ({"name": "a" * 61}, "at most 60"),
        ({"consumers": ()}, "no consumer is declared"),
        ({"consumers": ("a_b", "a_b")}, "declared twice"),
        ({"max_crashes": -1}, "-1 crashes"),
        ({"consumers": ("email",)}, "verb_object"),
        ({"transport": "redis", "timeout": 14 * 60 * S, "batch_size": 1}, "a drain takes messages"),
        ({"drains": 2}, "2 drains would take from redis, and the queue travels over sqs"),
        ({"transport": "redis", "drains": 0}, "0 drains are outside 1 to 50"),
        ({"transport": "redis", "drains": 51}, "51 drains are outside 1 to 50"),
        ({"batch_size": 0}, "batch of 0"),
        ({"batch_size": 11}, "needs a batch window"),
        ({"batch_size": 11, "fifo": True}, "outside 1 to 10"),
        ({"fifo": True, "batch_window": S}, "no batch window on a FIFO queue"),
        ({"batch_window": S / 2}, "whole seconds"),
        ({"batch_window": 301 * S}, "5 minutes"),
        ({"batch_size": 100, "batch_window": S}, "6 MB"),
        ({"claim_check_over_bytes": 2**20}, "1 MiB"),
        ({"concurrency": 0}, "runs nothing"),
        ({"max_concurrency": 1}, "2 to 1000"),
        ({"timeout": 16 * 60 * S}, "15 minutes"),
        ({"timeout": 2 * 60 * S, "concurrency": 1}, "15 minutes"),
        ({"timeout": S / 10}, "under a second"),
        ({"fifo": True, "retry": RetryPolicy(delays=(timedelta(hours=12),))}, "12 hours of invisibility"),
        ({"fifo": True, "retry": RetryPolicy(delays=(S,) * 24)}, "receive limit of 1000"),
        ({"deduplication_window": 0 * S}, "remembers nothing"),
        ({"expires_after": 0 * S}, "dead at birth"),
        ({"fifo": True, "retry": RetryPolicy(delays=(timedelta(hours=9),) * 17)}, "retention"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_when_it_is_made(fields, why):
    with pytest.raises(InvalidQueue, match=why):
        a_queue(**fields)


def test_small_bodies_allow_large_batches():
    assert a_queue(batch_size=100, batch_window=S, claim_check_over_bytes=32 * 1024).batch_size == 100


def test_webhooks_are_tried_eight_times_on_the_published_schedule():
    assert WEBHOOKS.retry.max_attempts == 8
    assert [int(delay.total_seconds()) for delay in WEBHOOKS.retry.used_delays] == [
        1,
        5,
        30,
        120,
        600,
        1800,
        3600,
    ]
    assert WEBHOOKS.retry.delays[-1] == timedelta(hours=2)


def test_this_pipelines_declarations_fit_together():
    assert TOPOLOGY.routed_queues == (WEBHOOKS, PAYMENTS)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"queues": (a_queue(), a_queue())}, "declared twice: queue orders"),
        ({"queues": (a_queue(), a_queue(name="other"))}, "declared twice: consumer fulfil_order"),
        ({"queues": (a_queue(),), "routes": (Route(queue="ordres"),)}, "'ordres', which isn't declared"),
        ({"queues": (a_queue(),), "routes": (Route(queue="orders", endpoint="x"),)}, "endpoint 'x'"),
        ({"queues": (a_queue(fifo=True),), "routes": (Route(queue="orders"),)}, "no ordering key"),
        ({"queues": (a_queue(emits=("other",)),)}, "orders sends to the queue 'other'"),
        (
            {"queues": (a_queue(),), "edges": (Edge(function="a_b", routes=("POST /a",), sends_to=("x",)),)},
            "a_b sends to",
        ),
        ({"queues": (a_queue(internal=True),)}, "orders is internal, and nothing here sends to it"),
        (
            {"queues": (a_queue(announces_dead_to=a_queue(name="other")),)},
            "orders sends to the queue 'other'",
        ),
        (
            {
                "queues": (
                    a_queue(announces_dead_to=a_queue(name="other", consumers=("tell_operator",))),
                    a_queue(name="other", consumers=("tell_somebody",)),
                )
            },
            "orders announces its dead letters to 'other', which is declared otherwise here",
        ),
        ({"queues": (a_queue(),), "tables": (Table(name="t", functions=("a_b",)),)}, "'t' is for ['a_b']"),
        (
            {"queues": (a_queue(),), "buckets": (Bucket(name="b", functions=("a_b",)),)},
            "the bucket 'b' is for ['a_b']",
        ),
        (
            {"queues": (a_queue(),), "buckets": (Bucket(name="b", functions=("fulfil_order",)),) * 2},
            "declared twice: bucket b",
        ),
        ({"queues": (a_queue(),), "sources": (stripe(),)}, "no route takes events of the source 'stripe'"),
    ],
)
def test_declarations_that_contradict_one_another_are_refused(fields, why):
    with pytest.raises(InvalidDeclaration, match=re.escape(why)):
        Topology(**fields)


def test_dead_letters_are_announced_to_no_ordered_queue():
    ordered = a_queue(name="other", fifo=True)

    with pytest.raises(InvalidQueue, match=r"orders: dead letters have no ordering key .* other is ordered"):
        a_queue(announces_dead_to=ordered)


def test_dead_letters_that_are_gone_at_once_are_refused():
    with pytest.raises(
        InvalidQueue, match=r"orders: dead letters that are kept for 1:00:00 are gone .*1 day"
    ):
        a_queue(dead_letters_kept_for=timedelta(hours=1))


def test_somebody_is_told_three_days_before_dead_letters_expire_or_a_tenth_of_their_time():
    assert a_queue(dead_letters_kept_for=timedelta(days=90)).expiry_notice == timedelta(days=3)
    assert a_queue(dead_letters_kept_for=timedelta(days=10)).expiry_notice == timedelta(days=1)
