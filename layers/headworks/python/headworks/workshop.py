"""What batches work with, made of a consumer's parts: on Lambda and in a worker alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from headworks.batch import CLERKS, Workshop
from headworks.processing import Processing
from headworks.queue import LONGEST_WAIT_IN_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any

    from headworks.call import Call
    from headworks.clock import Clock
    from headworks.context import Context
    from headworks.message import Message
    from headworks.queue import Queue
    from headworks.wiring import ConsumerParts


def workshop_of(
    queue: Queue,
    consumer: str,
    call: Call,
    parts: ConsumerParts,
    *,
    clock: Clock,
    concurrency: int,
    run: Callable[[Message[Any], Context], None] | None = None,
    exit_process: Callable[[int], object] | None = None,
    longest_wait: timedelta = LONGEST_WAIT_IN_QUEUE,
) -> Workshop:
    """A workshop for batches of this consumer.

    `run` stands around the call, where somebody wants to know of each; `exit_process` in place
    of the parts' own, where more is to be done before.  A wait of more than `longest_wait` leaves
    the queue.
    """
    return Workshop(
        queue=queue,
        processing=Processing(
            queue,
            consumer,
            run or call,
            ledger=parts.ledger,
            claim_check=parts.claim_check,
            clock=clock,
            log=parts.log,
            version=parts.version,
            announcer=parts.announcer,
            longest_wait=longest_wait,
        ),
        call=call,
        pool=ThreadPoolExecutor(concurrency, thread_name_prefix=queue.name),
        clerks=ThreadPoolExecutor(CLERKS, thread_name_prefix="clerk"),
        ledger=parts.ledger,
        broker=parts.broker,
        log=parts.log,
        exit_process=exit_process or parts.exit_process,
        pause=parts.pause,
    )
