"""What a queue travels over follows from its declaration and the settings."""

from __future__ import annotations

import pytest

from headworks import wiring
from headworks.errors import MissingSetting
from headworks.ledger.memory import MemoryLedger
from headworks.settings import REDIS_URL, REDIS_URL_SECRET, RedisUrl, Settings
from headworks.testing.broker import MemoryBroker
from headworks.wiring import ConsumerParts
from tests.support.declarations import a_queue

TOLD = Settings({REDIS_URL: "redis://localhost:7000"})
NOT_TOLD = Settings({})


@pytest.mark.parametrize(
    ("transport", "settings", "url"),
    [
        ("redis", TOLD, RedisUrl("redis://localhost:7000")),
        ("redis", Settings({REDIS_URL_SECRET: "redis-url"}), RedisUrl("", secret="redis-url")),
        ("redis", NOT_TOLD, None),
        ("sqs", TOLD, None),
        ("sqs", NOT_TOLD, None),
    ],
)
def test_a_queue_goes_over_redis_where_both_say_so(transport, settings, url):
    assert wiring.redis_url(a_queue(transport=transport), settings) == url


def test_what_takes_from_redis_keeps_dead_letters_in_the_consumers_own_ledger(clock, log):
    own = ConsumerParts(
        broker=MemoryBroker(), ledger=MemoryLedger(clock), log=log, counts=lambda *_: None, version="7"
    )

    parts = wiring.redis_parts(own, RedisUrl("redis://localhost:7000"))

    assert parts.address.node == ("localhost", 7000)
    assert parts.lasting is own.ledger
    assert parts.version == "7"


def test_a_drain_without_a_server_says_which_setting_is_missing(clock, log):
    own = ConsumerParts(broker=MemoryBroker(), ledger=MemoryLedger(clock), log=log, counts=lambda *_: None)

    with pytest.raises(MissingSetting, match=REDIS_URL):
        wiring.stream(a_queue(transport="redis"), "fulfil_order", own, NOT_TOLD)
