"""Every published signature, all the way: 200 and one message, or 401 and none."""

from __future__ import annotations

import pytest

from headworks.testing.clock import MovingClock
from tests.vectors.signature_vectors import HEADER_CASES, VECTORS


@pytest.mark.parametrize("base64_body", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("spell", HEADER_CASES.values(), ids=HEADER_CASES)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.id)
def test_what_is_valid_becomes_one_message_and_nothing_else_becomes_any(
    stand_with, vector, spell, base64_body
):
    stand = stand_with(secret=vector.secret, clock=MovingClock(vector.now))
    headers = {spell(name): value for name, value in vector.headers.items()}

    answer = stand.post(vector.source.name, vector.body, headers, base64_body=base64_body)

    assert (answer.status, stand.kept) == ((200, 1) if vector.valid else (401, 0))
