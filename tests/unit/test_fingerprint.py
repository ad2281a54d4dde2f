"""Fingerprints stay what they are: ids that are stored hold them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from headworks.fingerprint import BITS, bits_of, fingerprint, new_message_id


@pytest.mark.parametrize("key", ["k-1", 'with "quotes" and \\', "zażółć", "\u2028", "\x00", "😀", ""])
def test_a_fingerprint_is_made_of_the_json_of_queue_and_key(key):
    digest = hashlib.sha256(json.dumps(["orders", key]).encode()).digest()

    assert fingerprint("orders", key) == int.from_bytes(digest, "big") >> (256 - BITS)


def test_an_id_leads_back_to_its_keys_fingerprint():
    bits = fingerprint("orders", "k-1")

    assert bits_of(new_message_id(datetime(2026, 11, 24, tzinfo=UTC), bits)) == bits
