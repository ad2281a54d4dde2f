"""Where ministack isn't AWS, by the cases that show it.

Each of these cases must fail there: one that passes has lost its reason to be here.
tests/emulator_gaps.md has the same list for its readers.
"""

from __future__ import annotations

from typing import NamedTuple


class Gap(NamedTuple):
    """What AWS does, what the emulator does, and the cases; a case without parameters stands for all of its own."""

    what: str
    aws: str
    emulator: str
    cases: tuple[str, ...]


GAPS = (
    Gap(
        "a malformed partial response",
        "the whole batch failed",
        "what isn't named is deleted",
        tuple(
            f"test_an_answer_that_lambda_cannot_read_fails_the_whole_batch[{answer}]"
            for answer in ("empty identifier", "null identifier", "unknown identifier", "wrong key", "text")
        ),
    ),
    Gap(
        '`{"batchItemFailures": null}`',
        "the whole batch succeeded",
        "it comes back for ever",
        ("test_an_answer_without_failures_is_success[null list]",),
    ),
    Gap(
        "a FIFO queue's mapping",
        "one invocation at a time for each group",
        "one for the whole queue: a slow group holds back the others",
        ("test_a_slow_group_holds_back_no_other",),
    ),
    Gap(
        "a batch window, a batch over 10",
        "gathers until the window is over or the batch is full",
        "ignored: one receive of up to 10 is a batch",
        ("test_a_window_gathers_what_comes_within_it", "test_a_batch_may_be_larger_than_a_receive"),
    ),
    Gap(
        "a mapping that can't work (batch size, window, visibility below the function's timeout)",
        "`InvalidParameterValueException`",
        "accepted",
        tuple(
            f"test_a_mapping_that_cannot_work_is_refused[{mapping}]"
            for mapping in (
                "fifo batch",
                "fifo window",
                "batch without window",
                "batch",
                "window",
                "visibility below the function's timeout",
            )
        ),
    ),
    Gap(
        "message attributes of a Lambda record",
        "`md5OfMessageAttributes`, `stringListValues`, `binaryListValues`",
        "missing",
        ("test_message_attributes_come_with_their_digest_and_two_empty_lists",),
    ),
    Gap(
        "a dead letter as a Lambda record",
        "`DeadLetterQueueSourceArn` among its attributes",
        "missing",
        ("test_a_dead_letter_tells_its_consumer_where_it_came_from",),
    ),
    Gap(
        "a FIFO group whose first message was made visible while others are in flight",
        "handed out up to the first hidden one",
        "blocked until none is in flight",
        ("test_a_group_is_handed_out_up_to_its_first_hidden_message",),
    ),
    Gap(
        "the order between FIFO groups",
        "as many of one group as there are, then the next; a group that comes back is last",
        "by the time of the send",
        (
            "test_a_receive_takes_all_it_can_of_one_group_before_the_next",
            "test_a_group_that_comes_back_lines_up_behind_those_that_wait",
        ),
    ),
    Gap(
        "a FIFO batch with an entry without a group",
        "refused whole",
        "the entry alone fails",
        ("test_a_batch_with_an_entry_without_a_group_is_refused_whole",),
    ),
    Gap(
        "deleting with an expired FIFO receipt",
        "`InvalidParameterValue`",
        "deletes",
        ("test_an_expired_receipt_deletes_nothing_and_is_refused",),
    ),
    Gap(
        "deleting twice, or with an old receipt of a standard queue",
        "succeeds and changes nothing",
        "`ReceiptHandleIsInvalid`",
        ("test_deleting_twice_succeeds", "test_an_old_receipt_deletes_nothing_and_says_nothing"),
    ),
    Gap(
        "changing the visibility of a deleted message",
        "`InvalidParameterValue`",
        "`ReceiptHandleIsInvalid`",
        ("test_the_visibility_of_a_deleted_message_cannot_be_changed",),
    ),
    Gap(
        "a visibility below 0, over 12 hours, or over 12 hours since the receive",
        "`InvalidParameterValue`",
        "accepted",
        (
            "test_over_twelve_hours_of_invisibility_are_an_error_and_no_clamp",
            "test_a_visibility_outside_zero_to_twelve_hours_is_refused",
        ),
    ),
    Gap(
        "`DelaySeconds` over 900",
        "`InvalidParameterValue`",
        "accepted",
        ("test_a_delay_over_fifteen_minutes_is_refused",),
    ),
    Gap(
        "message attributes: 11 of them, bad names, types, values, their part in the size",
        "`InvalidParameterValue`",
        "accepted",
        (
            "test_a_message_has_at_most_ten_attributes",
            "test_an_attribute_that_cannot_be_is_refused",
            "test_attributes_count_with_their_names_and_types",
        ),
    ),
    Gap(
        "`MessageDeduplicationId` on a standard queue",
        "`InvalidParameterValue`",
        "accepted",
        ("test_a_deduplication_id_on_a_standard_queue_is_refused",),
    ),
    Gap(
        "a queue's name that can't be, an unknown attribute",
        "`InvalidParameterValue`, `InvalidAttributeName`",
        "accepted",
        ("test_a_queue_name_that_cannot_be_is_refused", "test_an_unknown_attribute_is_refused"),
    ),
    Gap(
        "a redrive policy without its queue, or with a count outside 1 to 1,000",
        "`InvalidParameterValue`",
        "`InvalidAttributeValue`",
        (
            "test_a_redrive_needs_a_queue_that_exists",
            "test_a_redrive_happens_after_one_to_a_thousand_receives",
        ),
    ),
    Gap(
        "a dead-letter queue of the other type",
        "`InvalidParameterValue`",
        "accepted",
        ("test_a_dead_letter_queue_is_of_its_sources_type",),
    ),
    Gap(
        "a second `PurgeQueue` within 60 seconds",
        "`PurgeQueueInProgress`",
        "accepted",
        ("test_a_second_purge_within_a_minute_is_refused",),
    ),
    Gap(
        "`StartMessageMoveTask`",
        "moves dead letters back, as new messages",
        "isn't there",
        ("test_redriven_messages_are_new_ones",),
    ),
)

# Cases that no emulator in real time can show in a test's patience: how long they take.
TOO_LONG = {
    "test_retention_deletes_silently_in_flight_or_not": "a minute, the shortest retention",
    "test_on_standard_queues_retention_goes_on_from_the_first_send_in_the_dead_letter_queue": "a minute",
    "test_retention_begins_anew_in_a_fifo_dead_letter_queue": "two minutes",
    "test_the_twelve_hours_begin_with_each_receive": "eleven hours",
    "test_deduplication_ends_after_five_minutes": "five minutes",
}


def gap_of(*names: str) -> Gap | None:
    """The gap of a case, by any of its names."""
    return next((gap for gap in GAPS if not set(names).isdisjoint(gap.cases)), None)


def rows() -> list[str]:
    """The gaps as lines of a Markdown table."""
    return [f"| {gap.what} | {gap.aws} | {gap.emulator} |" for gap in GAPS]
