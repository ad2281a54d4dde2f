"""Leases that were lost are named, and thousands of them fill no log."""

from __future__ import annotations

from headworks.testing.log import RecordingLog
from headworks.working.lost_leases import MOST_A_SECOND, LostLeases


def test_so_many_a_second_are_named_and_that_there_are_more_is_said_once():
    log, now = RecordingLog(), [0.0]
    lost = LostLeases(log, "orders", now=lambda: now[0])

    for n in range(1_000):
        lost.tell("it was lost", f"m{n}")
    now[0] += 1
    lost.tell("it was lost", "later")

    told = [fields for _, fields in log.lines]
    named = [each["message_id"] for each in told if each["what"] == "it was lost"]
    assert named == [*(f"m{n}" for n in range(MOST_A_SECOND)), "later"]
    assert len(told) == MOST_A_SECOND + 2
