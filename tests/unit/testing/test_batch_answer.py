"""What Lambda makes of an answer, as a table."""

from __future__ import annotations

import pytest

from headworks.testing.batch_answer import WholeBatchFailed, failed_items

IDS = {"a", "b"}


def failures(*identifiers):
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (failures("a"), {"a"}),
        (failures("a", "b"), {"a", "b"}),
        (failures("a", "a"), {"a"}),
        ({**failures("a"), "more": 1}, {"a"}),
        (failures(), set()),
        ({"batchItemFailures": None}, set()),
        ({"batch_item_failures": [{"itemIdentifier": "a"}]}, set()),
        ({}, set()),
        (None, set()),
        ("", set()),
        ([], set()),
    ],
)
def test_what_is_named_failed_and_the_rest_succeeded(answer, failed):
    assert failed_items(answer, IDS) == failed


@pytest.mark.parametrize(
    "answer",
    [
        failures("c"),
        failures("a", "c"),
        failures("a", ""),
        failures("a", None),
        failures(1),
        {"batchItemFailures": [{"item_identifier": "a"}]},
        {"batchItemFailures": ["a"]},
        {"batchItemFailures": "a"},
        {"batchItemFailures": {"itemIdentifier": "a"}},
        "done",
        ["a"],
        True,
        False,
        0,
        {"a"},
        {"when": complex(1)},
    ],
)
def test_what_cannot_be_read_fails_the_whole_batch(answer):
    with pytest.raises(WholeBatchFailed):
        failed_items(answer, IDS)
