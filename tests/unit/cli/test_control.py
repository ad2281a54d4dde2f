"""`headworks pause`, `resume`, `process`, `purge`."""

from __future__ import annotations

import json

import pytest

from infra.cli.admin import operator


def test_a_queue_is_paused_with_all_its_consumers_and_resumed(stand):
    paused = stand.run("pause", "order-events", "--because", "the bank is down")
    again = stand.run("pause", "order-events", "--consumer", "notify_order")
    resumed = stand.run("resume", "order-events")

    assert paused.output.count("is paused, by") == 2
    assert f"by {operator()}: the bank is down" in paused.output
    assert "12 days" in paused.output
    assert "order-events/notify_order is paused already, since" in again.output
    assert resumed.output.count("runs again.") == 2
    assert stand.api.pauses == {}


def test_a_source_is_paused_and_resumed(stand):
    assert "The source stripe is paused" in stand.run("pause", "--source", "stripe").output
    assert "The source stripe runs again." in stand.run("resume", "--source", "stripe").output
    assert "runs already: it was not paused" in stand.run("resume", "--source", "stripe").output


def test_the_json_of_a_pause_is_the_apis_document(stand):
    [changed] = json.loads(stand.run("pause", "webhooks", "--json").stdout)["changed"]

    assert (changed["queue"], changed["changed"]) == ("webhooks", True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("pause",),
        ("pause", "webhooks", "--source", "stripe"),
        ("pause", "--source", "stripe", "--consumer", "x"),
        ("pause", "unheard-of"),
        ("pause", "--source", "unheard-of"),
        ("resume", "unheard-of"),
        ("process", "unheard-of"),
        ("process", "order-events"),
        ("process", "webhooks", "--batch-size", "0"),
        ("purge", "unheard-of", "--yes"),
        ("purge", "webhooks", "--yes", "--before", "yesterday"),
    ],
)
def test_what_is_asked_wrongly_is_exit_code_2(stand, arguments):
    assert stand.run(*arguments).exit_code == 2


def test_messages_are_processed_on_demand(stand):
    stand.api.on_queue += ["m1", "m2", "m3"]

    told = stand.run("process", "webhooks", "--batch-size", "2")

    assert told.exit_code == 0
    assert "2 messages received: 2 done, 0 failed." in told.output
    assert stand.api.on_queue == ["m3"]


def test_a_failure_is_exit_code_3_and_nothing_there_is_1(stand):
    stand.api.on_queue += ["m1", "bad"]

    assert stand.run("process", "webhooks").exit_code == 3
    assert stand.run("process", "webhooks").exit_code == 1
    assert json.loads(stand.run("process", "webhooks", "--json").stdout)["received"] == 0


def test_a_function_that_takes_too_long_is_exit_code_3_also_where_nobody_knows_what_it_took(stand):
    stand.api.is_slow = True

    told = stand.run("process", "webhooks")

    assert told.exit_code == 3
    assert "it goes on" in told.output
    assert "nothing to process" not in told.output


def test_a_queue_is_purged_to_its_end_with_one_cut_off(stand):
    stand.api.on_queue += [f"m{n}" for n in range(5)]

    told = stand.run("purge", "webhooks", input="webhooks\n")

    assert told.exit_code == 0
    assert "5 messages deleted from webhooks." in told.output
    assert "1 in flight" in told.output
    asked = [request.body.get("before") for request in stand.api.asked("POST")]
    assert asked[0] is None
    assert len(set(asked[1:])) == 1


@pytest.mark.parametrize("typed", ["webhook\n", "yes\n", ""])
def test_a_queue_whose_name_was_not_typed_is_not_purged(stand, typed):
    stand.api.on_queue.append("m")

    told = stand.run("purge", "webhooks", input=typed)

    assert told.exit_code in {1, 2}
    assert stand.api.on_queue == ["m"]
    assert stand.api.asked("POST") == []


def test_a_purge_as_json_sums_its_rounds(stand):
    stand.api.on_queue += [f"m{n}" for n in range(5)]

    document = json.loads(stand.run("purge", "webhooks", "--yes", "--json").stdout)

    assert (document["purged"], document["more"]) == (5, False)
