"""Where and how a process may die: every named point of a delivery's life, and every way to go."""

from __future__ import annotations

from enum import StrEnum, auto


class Point(StrEnum):
    """A place between two things that a process does; named for what has happened and what hasn't."""

    # The consumer
    BEFORE_LEASE = auto()
    """A batch was received; the ledger knows of none of it."""
    LEASE_HALF_WRITTEN = auto()
    """Of a bulk lease the store has made the first half."""
    LEASE_WRITTEN = auto()
    """The store has leased them, and its reply is lost."""
    AFTER_LEASE = auto()
    """The lease is known, the handler hasn't begun."""
    BEFORE_EFFECT = auto()
    """The handler runs, and has done nothing outside."""
    AFTER_EFFECT = auto()
    """The effect happened, the handler hasn't returned: the named gap begins."""
    BEFORE_COMPLETION = auto()
    """The handler returned, the store wasn't asked to complete: still in the gap."""
    COMPLETION_HALF_WRITTEN = auto()
    """Of a group of completions the store has taken the first half: the gap is over for those."""
    COMPLETION_WRITTEN = auto()
    """The store has completed them, and its reply is lost: the gap is over."""
    BEFORE_RETRY_WRITE = auto()
    """The attempt failed, the store doesn't know."""
    AFTER_RETRY_WRITE = auto()
    """The failure is kept; the message is still hidden for its whole visibility timeout."""
    BEFORE_WAIT_WRITE = auto()
    """The next attempt is far away, and the store doesn't know."""
    AFTER_WAIT_WRITE = auto()
    """It waits in the ledger, and its message is still on the queue."""
    BEFORE_DEAD_WRITE = auto()
    """It is given up, and the store doesn't know."""
    AFTER_DEAD_WRITE = auto()
    """The dead letter is kept, and its message is still on the queue."""
    BEFORE_RELEASE = auto()
    """The run didn't count, and the store doesn't know."""
    AFTER_RELEASE = auto()
    """The attempt is given back; the message is still hidden for its whole visibility timeout."""
    BEFORE_TAKE_OVER = auto()
    """A suspect is known and nobody's."""
    AFTER_TAKE_OVER = auto()
    """The suspect is leased anew, its crash counted, and the reply is lost."""
    BEFORE_SETTLE = auto()
    """Every outcome is in the ledger, none with SQS."""
    AFTER_SETTLE = auto()
    """Waits are set; nothing is deleted."""
    BEFORE_DELETE = auto()
    """What is done before a suspect runs is about to be deleted."""
    AFTER_DELETE = auto()
    """The neighbours of a suspect are deleted; it runs next."""
    BEFORE_ANSWER = auto()
    """Everything is settled; Lambda hasn't got the answer, so SQS deletes nothing."""

    # wake_waiting
    WAKE_BEFORE_SEND = auto()
    """A due message was found."""
    WAKE_AFTER_SEND = auto()
    """It is on the queue, and still marked as waiting."""
    WAKE_AFTER_MARK = auto()
    """It is marked as sent; the others of this round are not."""

    # Replays, driven by wake_waiting
    REPLAY_TAKEN = auto()
    """A worker has the replay to itself, and has done nothing."""
    REPLAY_IN_HAND = auto()
    """It is written down which letters come next; none is claimed."""
    REPLAY_BEFORE_CLAIM = auto()
    """Letters are about to be claimed."""
    REPLAY_AFTER_CLAIM = auto()
    """They are claimed, and not sent."""
    REPLAY_BEFORE_SEND = auto()
    """Their bodies are read; none is on the queue."""
    REPLAY_HALF_SENT = auto()
    """Some are on the queue, and none is marked."""
    REPLAY_AFTER_SEND = auto()
    """All are on the queue, and still claimed."""
    REPLAY_HALF_MARKED = auto()
    """Some are marked as sent."""
    REPLAY_AFTER_MARK = auto()
    """All are marked, and none is counted."""
    REPLAY_AFTER_GIVING_BACK = auto()
    """Those that couldn't be sent are dead letters again."""
    REPLAY_RECORDED = auto()
    """Everything is counted, and the replay still goes on."""

    # bury_crashed
    BURY_BEFORE_WRITE = auto()
    """A message of a dead-letter queue was read."""
    BURY_AFTER_WRITE = auto()
    """It is dead in the ledger, and still on the dead-letter queue."""
    BURY_BEFORE_SETTLE = auto()
    """The whole batch is in the ledger."""
    BURY_BEFORE_ANSWER = auto()
    """The waits of those that stay are set; Lambda hasn't got the answer."""

    # The producer
    PRODUCER_BEFORE_SEND = auto()
    """The key isn't known, and nothing is sent."""
    PRODUCER_AFTER_SEND = auto()
    """It is on the queue, and nobody remembers its key."""
    PRODUCER_AFTER_REMEMBER = auto()
    """It is remembered, and the sender has no answer."""
    PRODUCER_BEFORE_HOLD = auto()
    """A delayed message isn't in the ledger."""
    PRODUCER_AFTER_HOLD = auto()
    """A delayed message waits in the ledger, and nobody remembers its key."""


class Way(StrEnum):
    """How a process ends; `ANSWER_LOST` is how a call of it ends that goes on living."""

    EXIT = auto()
    """`os._exit` in the thread that is there: it does nothing more."""
    SIGKILL = auto()
    """Killed from outside: the thread goes on, and nothing that it does reaches anybody."""
    TIMEOUT = auto()
    """The thread hangs until Lambda ends the process at the function's timeout."""
    OUT_OF_MEMORY = auto()
    """The kernel kills the process, and the thread has seen a `MemoryError` before."""
    ANSWER_LOST = auto()
    """The store has done what it was asked for, and its answer doesn't arrive."""


LETHAL = (Way.EXIT, Way.SIGKILL, Way.TIMEOUT, Way.OUT_OF_MEMORY)
IN_THE_GAP = frozenset({Point.AFTER_EFFECT, Point.BEFORE_COMPLETION, Point.COMPLETION_HALF_WRITTEN})
# Where a store's answer may be lost on its way to a process that lives on.
ANSWERS = (
    Point.LEASE_WRITTEN,
    Point.COMPLETION_WRITTEN,
    Point.AFTER_RETRY_WRITE,
    Point.AFTER_WAIT_WRITE,
    Point.AFTER_DEAD_WRITE,
    Point.AFTER_RELEASE,
    Point.AFTER_TAKE_OVER,
    Point.BURY_AFTER_WRITE,
    Point.WAKE_AFTER_MARK,
    Point.PRODUCER_AFTER_HOLD,
)
# There no wait leaves the queue, since the group must block, and the ledger is asked one by one.
NOT_ON_FIFO = frozenset(
    {
        Point.BEFORE_WAIT_WRITE,
        Point.AFTER_WAIT_WRITE,
        Point.LEASE_HALF_WRITTEN,
        Point.COMPLETION_HALF_WRITTEN,
    }
)
