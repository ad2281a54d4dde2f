"""Errors that are alike."""

from __future__ import annotations

import time

import pytest

from headworks.ledger.grouping import likeness


@pytest.mark.parametrize(
    ("error", "alike"),
    [
        ("no such customer", "no such customer"),
        ("no customer 17", "no customer ..."),
        ("took 12.5 s, not 3,000", "took ... s, not ..."),
        ("order 3f2b8c1e-9d7a-4c55-8a1f-0123456789ab is gone", "order ... is gone"),
        ("object deadbeefcafe is gone", "object ... is gone"),
        ("<Session object at 0x7f3a5c>", "<Session object at ...>"),
        ("evt_1NqXabc from cus_9s6", "... from ..."),
        ("no column 'na me' in \"or'ders\"", "no column ... in ..."),
        ("can't find the customer's order", "can't find the customer's order"),
        ("field \u201cname\u201d is missing", "field ... is missing"),
        ("https://example.com/hooks/7?x=1 answered 503", "https://example.com/hooks/...?x=... answered ..."),
        ("at 2026-11-24T13:40:04.123+00:00", "at ..."),
        ("10.0.0.1:8080 refused", "... refused"),
        ("a bad decade", "a bad decade"),
        ("", ""),
    ],
)
def test_numbers_ids_and_quoted_texts_do_not_tell_errors_apart(error, alike):
    assert likeness(error) == alike


def test_an_error_that_was_cut_inside_of_quotes_is_like_the_others():
    assert likeness(("no such file '" + "x" * 600)[:500]) == "no such file ..."


@pytest.mark.parametrize("error", ["'" * 500, "1." * 250, "a-" * 250, "'a" * 250, "..." * 166])
def test_no_error_takes_long(error):
    started = time.perf_counter()

    likeness(error)

    assert time.perf_counter() - started < 0.1
