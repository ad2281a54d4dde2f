"""Where a Redis is, by its URL."""

from __future__ import annotations

import pytest

from headworks.brokers.redis.address import address_in, address_of
from headworks.brokers.redis.keys import Keys
from headworks.errors import InvalidDeclaration, Unavailable
from headworks.testing.secrets import MemorySecrets
from headworks.webhooks.schemes import InvalidSecret


def test_a_url_says_host_port_and_who_we_are():
    address = address_of("redis://ada:pass%20word@cache.example:7000/0")

    assert (address.node, address.tls) == (("cache.example", 7000), None)
    assert address.greeting() == b"*3\r\n$4\r\nAUTH\r\n$3\r\nada\r\n$9\r\npass word\r\n"


def test_a_url_without_a_port_or_a_user_has_the_usual_ones():
    address = address_of("redis://localhost")

    assert (address.node, address.greeting()) == (("localhost", 6379), None)


def test_rediss_means_tls():
    assert address_of("rediss://cache.example").tls is not None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://x", "isn't a Redis URL"),
        ("redis://", "isn't a Redis URL"),
        ("redis://u:secret@x/3", "asks for a database"),
    ],
)
def test_a_url_that_cant_work_is_refused_without_its_password(url, why):
    with pytest.raises(InvalidDeclaration, match=why) as refused:
        address_of(url)

    assert "secret" not in str(refused.value)


def test_a_password_isnt_shown():
    assert "secret" not in repr(address_of("redis://u:secret@x"))


def test_a_url_that_is_a_secret_is_read_from_there():
    address = address_in("redis-url", MemorySecrets({"redis-url": "rediss://ada:one@cache.example:7000"}))

    assert address.node == ("cache.example", 7000)
    assert address.tls is not None
    assert address.greeting() == b"*3\r\n$4\r\nAUTH\r\n$3\r\nada\r\n$3\r\none\r\n"


def test_a_new_connection_logs_in_with_what_the_secret_has_become():
    secrets = MemorySecrets({"redis-url": "redis://cache.example"})
    address = address_in("redis-url", secrets)
    assert address.greeting() is None

    # While it is rotated both are valid, and the first one is the newer.
    secrets.strings["redis-url"] = '["redis://ada:two@cache.example", "redis://cache.example"]'

    assert b"two" in address.greeting()


def test_a_secret_that_cant_be_read_is_trouble_that_passes():
    secrets = MemorySecrets({"redis-url": "redis://cache.example"})
    secrets.down = True

    with pytest.raises(Unavailable, match="the secret redis-url"):
        address_in("redis-url", secrets)


@pytest.mark.parametrize("text", ["hunter2", "https://ada:hunter2@cache.example", "redis://hunter2/hunter2"])
def test_a_secret_that_is_no_url_is_refused_by_name_and_not_shown(text):
    with pytest.raises(InvalidSecret, match="the secret redis-url: it isn't a Redis URL") as refused:
        address_in("redis-url", MemorySecrets({"redis-url": text}))

    assert refused.value.__suppress_context__
    assert "hunter2" not in str(refused.value)


def test_all_keys_of_a_queue_share_its_tag():
    keys = Keys("orders", "staging")
    of = keys.of("bill")

    everything = (keys.counts, keys.accepted_prefix, *of.places, of.state, of.dead, *of.done, of.parked("k"))
    assert {key.partition("}")[0] for key in everything} == {"{staging/orders"}
