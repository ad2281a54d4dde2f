"""What messages tell their handler to do, and what leads a process to which point."""

from __future__ import annotations

from tests.chaos.points import Point

LONG_WAIT = "ask for two minutes"
# One word an attempt, the last one for all that follow.
SCRIPTS = (
    ("done",),
    ("done",),
    ("take a second",),
    ("fail", "done"),
    ("fail",),
    ("reject",),
    ("trouble", "done"),
    (LONG_WAIT, "done"),
    ("kill", "done"),
)

# What brings a process to a point that not every message does.
LEADS_TO = {
    Point.BEFORE_RETRY_WRITE: ("fail", "done"),
    Point.AFTER_RETRY_WRITE: ("fail", "done"),
    Point.BEFORE_WAIT_WRITE: (LONG_WAIT, "done"),
    Point.AFTER_WAIT_WRITE: (LONG_WAIT, "done"),
    Point.BEFORE_DEAD_WRITE: ("reject",),
    Point.AFTER_DEAD_WRITE: ("reject",),
    Point.BEFORE_RELEASE: ("trouble", "done"),
    Point.AFTER_RELEASE: ("trouble", "done"),
    Point.BEFORE_TAKE_OVER: ("kill", "done"),
    Point.AFTER_TAKE_OVER: ("kill", "done"),
    Point.BEFORE_DELETE: ("kill", "done"),
    Point.AFTER_DELETE: ("kill", "done"),
}
# Handlers that end together are completed together.
CROWDED = frozenset({Point.COMPLETION_HALF_WRITTEN})
# These are passed by messages that wait before their first attempt.
HELD = frozenset(
    {
        Point.PRODUCER_BEFORE_HOLD,
        Point.PRODUCER_AFTER_HOLD,
        Point.WAKE_BEFORE_SEND,
        Point.WAKE_AFTER_SEND,
        Point.WAKE_AFTER_MARK,
    }
)
# And these by what SQS has given up.
GIVEN_UP = frozenset(point for point in Point if point.name.startswith("BURY_"))
# And these by whoever puts dead letters back.
REPLAYED = frozenset(point for point in Point if point.name.startswith("REPLAY_"))
# What isn't passed by a consumer.
ELSEWHERE = HELD | GIVEN_UP | REPLAYED | {point for point in Point if point.name.startswith("PRODUCER_")}
