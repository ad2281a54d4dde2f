"""The timeline: functions' log lines, as they were recorded, become each message's story."""

from datetime import UTC, datetime, timedelta

import msgspec

from infra.local.timeline import LogEvent, Timeline, Tone

KEPT = datetime(2026, 11, 24, 3, 38, 9, tzinfo=UTC)
MESSAGE = "msg_01k9rt2f3vq8zj4m7d"


def logged(action=None, *, second=0, function="deliver_webhook", **fields):
    told = {
        "level": "INFO",
        "location": "tell:81",
        "message": action,
        "timestamp": f"2026-11-24 03:38:{second:02d},096+0000",
        "service": function,
        "action": action,
        **fields,
    }
    return LogEvent(at=KEPT, function=function, text=msgspec.json.encode(told).decode())


def raw(text, function="deliver_webhook"):
    return LogEvent(at=KEPT, function=function, text=text)


def story_of_a_retry():
    common = {"message_id": MESSAGE, "queue": "webhooks", "consumer": "deliver_webhook", "max_attempts": 8}
    return [
        logged("received", source="stripe", event_type="charge.succeeded", event_id="evt_1"),
        logged("queued", message_id=MESSAGE, queue="webhooks", idempotency_key="stripe:evt_1/default"),
        logged("started", second=1, attempt=1, **common),
        logged(
            "retry", second=1, attempt=1, after_seconds=5, error_type="Retry", error="answered 500", **common
        ),
        logged("started", second=6, attempt=2, **common),
        logged("done", second=7, attempt=2, duration_ms=37.1, **common),
    ]


def test_a_message_is_told_from_its_reception_to_its_delivery():
    lines = Timeline().tell(story_of_a_retry())

    assert [line.text for line in lines] == [
        "received     charge.succeeded from stripe",
        "queued       webhooks",
        "deliver_webhook: attempt 1 of 8",
        "deliver_webhook: retry in 5 s: answered 500",
        "deliver_webhook: attempt 2 of 8",
        "deliver_webhook: done at attempt 2, in 37.1 ms",
    ]
    assert {line.short_id for line in lines} == {MESSAGE[-6:]}


def test_an_order_is_told_from_its_reception_by_the_key_that_it_is_queued_under():
    [received, queued] = Timeline().tell(
        [
            logged("received", source="/orders", event_type="order.submitted", idempotency_key="o1"),
            logged("queued", message_id=MESSAGE, queue="orders", idempotency_key="o1", second=1),
        ]
    )

    assert (received.text, received.message_id) == ("received     order.submitted from /orders", MESSAGE)
    assert queued.elapsed_seconds == 1


def test_each_of_several_consumers_tells_its_own_part():
    common = {"message_id": MESSAGE, "attempt": 1, "max_attempts": 5}

    lines = Timeline().tell(
        [
            logged("started", consumer="update_inventory", **common),
            logged("started", second=1, consumer="notify_order", **common),
        ]
    )

    assert [line.text for line in lines] == [
        "update_inventory: attempt 1 of 5",
        "notify_order: attempt 1 of 5",
    ]


def test_times_run_from_when_a_message_was_received():
    lines = Timeline().tell(story_of_a_retry())

    assert [line.elapsed_seconds for line in lines] == [0, 0, 1, 1, 6, 7]


def test_a_message_is_remembered_from_one_look_to_the_next():
    timeline = Timeline()
    timeline.tell(story_of_a_retry()[:4])

    [attempt, _] = timeline.tell(story_of_a_retry()[4:])

    assert attempt.elapsed_seconds == 6


def test_a_copy_of_what_is_done_is_no_effect():
    common = {"message_id": MESSAGE, "attempt": 1, "duration_ms": 1}

    lines = Timeline().tell([logged("done", **common), logged("done", duplicate=True, **common)])

    assert [line.is_effect for line in lines] == [True, False]


def test_neighbours_that_are_told_together_do_not_mix():
    events = [
        logged("started", second=second, message_id=message_id, attempt=1, max_attempts=8)
        for second, message_id in enumerate(["a", "b", "a", "b"])
    ]

    assert [line.message_id for line in Timeline().tell(events)] == ["a", "a", "b", "b"]


def test_a_dead_message_says_why():
    event = logged("dead", message_id=MESSAGE, reason="rejected", error_type="Reject", error="answered 404")

    [line] = Timeline().tell([event])

    assert (line.text, line.tone) == ("dead: rejected: answered 404", Tone.BAD)


def test_an_error_that_nobody_meant_says_where_it_is():
    trace = (
        'Traceback (most recent call last):\n  File "/opt/python/headworks/processing.py", line 120, in _handle\n'
        "    run()\n  File \"/var/task/deliver_webhook/delivery.py\", line 12, in deliver\nKeyError: 'a'"
    )
    event = logged(
        "retry", message_id=MESSAGE, after_seconds=1, error_type="KeyError", error="'a'", exception=trace
    )

    [line] = Timeline().tell([event])

    assert line.text == "retry in 1 s: KeyError: 'a' (delivery.py:12)"


def test_the_other_ends_of_an_event_are_told():
    events = [
        logged("refused", status=401, source="stripe", error="no signature fits"),
        logged("refused", function="accept_order", status=400, error="no order"),
        logged("duplicate", message_id=MESSAGE, second=1),
        logged("deferred", message_id=MESSAGE, second=2, after_seconds=60, why="the key is leased"),
        logged(
            "quarantined",
            message_id=MESSAGE,
            second=3,
            event_type="a.b",
            source="stripe",
            error_message="no route",
        ),
        logged("not_queued", message_id=MESSAGE, second=4, error_message="SQS is down"),
    ]

    assert [line.text for line in Timeline().tell(events)] == [
        "refused      401 to stripe: no signature fits",
        "refused      400 to accept_order: no order",
        "duplicate    accepted before, not queued again",
        "back in 60 s: the key is leased",
        "quarantined  a.b from stripe: no route",
        "not queued: SQS is down",
    ]


def test_what_lambda_and_the_metrics_say_is_left_out():
    events = [
        raw("START RequestId: 1 Version: $LATEST"),
        raw("END RequestId: 1"),
        raw("REPORT RequestId: 1\tDuration: 5 ms"),
        raw('{"time":"2026-11-24T03:38:00Z","type":"platform.start","record":{}}'),
        raw('{"_aws":{"Timestamp":1795491480096},"queue":"webhooks","Done":[1.0]}'),
        raw(""),
    ]

    assert Timeline().tell(events) == []


def test_a_function_that_cannot_start_is_shown_with_all_it_says():
    events = [
        raw("Traceback (most recent call last):"),
        raw('  File "/var/task/deliver_webhook/handler.py", line 3, in <module>'),
        raw("ModuleNotFoundError: No module named 'nothere'"),
    ]

    lines = Timeline().tell(events)

    assert [line.text for line in lines] == [f"deliver_webhook: {event.text}" for event in events]


def test_a_handlers_own_log_lines_are_shown_by_their_level():
    event = LogEvent(KEPT, "fulfil_order", '{"level":"WARNING","message":"stock is low","timestamp":"odd"}')

    [line] = Timeline().tell([event])

    assert (line.text, line.tone, line.at) == ("fulfil_order: stock is low", Tone.CAUTION, KEPT)


def test_a_line_is_cut_and_stays_one_line():
    [line] = Timeline().tell([logged("retry", message_id=MESSAGE, after_seconds=1, error="a\nb" * 400)])

    assert len(line.text) < 310
    assert "\n" not in line.text


def test_times_are_those_in_the_lines_not_those_of_their_arrival():
    [line] = Timeline().tell([logged("started", message_id=MESSAGE, attempt=1, max_attempts=8)])

    assert KEPT - line.at == timedelta(seconds=8, milliseconds=904)


def test_pauses_and_what_is_kept_back_for_them_are_told():
    lines = Timeline().tell(
        [
            logged("paused", queue="orders", consumer="fulfil_order", by="ada", why="the shop is down"),
            logged("paused", source="stripe", by="ada", second=1),
            logged("kept_back", message_id=MESSAGE, queue="webhooks", second=2),
            logged("resumed", source="stripe", second=3),
        ]
    )

    assert [(line.text, line.tone) for line in lines] == [
        ("fulfil_order: paused       orders/fulfil_order: the shop is down", Tone.CAUTION),
        ("paused       stripe", Tone.CAUTION),
        ("resumed      stripe", Tone.CAUTION),
        ("kept back    for webhooks: its source is paused", Tone.CAUTION),
    ]
