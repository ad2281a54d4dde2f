"""The signature schemes give the verdict of every vector, however the header names are written."""

from __future__ import annotations

import pytest

from headworks.webhooks.schemes import InvalidSecret, SignatureRefused, verify
from tests.vectors.signature_vectors import HEADER_CASES, VECTORS


def _accepts(vector, spell):
    headers = {spell(name): value for name, value in vector.headers.items()}
    try:
        verify(vector.source, vector.body, headers, secrets=[vector.secret], now=vector.now)
    except (SignatureRefused, InvalidSecret):
        return False
    return True


@pytest.mark.parametrize("spell", HEADER_CASES.values(), ids=HEADER_CASES)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.id)
def test_the_verdict_is_the_vectors(vector, spell):
    assert _accepts(vector, spell) is vector.valid


def test_every_scheme_has_vectors_of_both_verdicts():
    verdicts = {(vector.source.scheme, vector.valid) for vector in VECTORS}

    schemes = ("stripe", "github", "standard-webhooks")
    assert verdicts == {(scheme, valid) for scheme in schemes for valid in (True, False)}
