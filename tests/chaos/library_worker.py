"""The library's own worker in a process that is there to be killed.

    python -m tests.chaos.library_worker PORT QUEUE WITNESS

Its handler writes lines as `tests.chaos.redis_worker` does: `run`, then `effect` or `fails`, the
message's id, the attempt, and the process.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from datetime import timedelta
from typing import Any

from headworks.brokers.redis.address import Address
from headworks.errors import Retry
from headworks.queue import Queue
from headworks.retry import RetryPolicy
from headworks.testing.log import RecordingLog
from headworks.worker import Worker
from headworks.working.parts import RedisParts
from tests.support.valkey import PASSWORD, USER

CONSUMER = "take_orders"
LEASE = timedelta(seconds=1)
PREFETCH = 20
FAILS = 0.03
# Whoever is killed again and again at the same message mustn't give it up here.
WITHOUT_END = 1_000


def main(port: int, name: str, path: str) -> None:
    witness = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    luck = random.Random(os.getpid())  # noqa: S311 - luck, no secret

    async def handle(message, context):
        def tell(what):
            os.write(witness, f"{what} {message.id} {context.attempt} {os.getpid()}\n".encode())

        tell("run")
        if luck.random() < FAILS:
            tell("fails")
            raise Retry("no luck")
        tell("effect")
        # As if it had waited for something: what has finished meanwhile can be told.
        await asyncio.sleep(0)

    queue = Queue(
        name=name,
        payload=Any,
        consumers=(CONSUMER,),
        fifo=True,
        retry=RetryPolicy(delays=(timedelta(seconds=1),) * 15, jitter=0),
        max_crashes=WITHOUT_END,
    )
    address = Address(host="127.0.0.1", port=port, credentials=lambda: (USER, PASSWORD))
    parts = RedisParts(address=address, log=RecordingLog(), counts=lambda *_: None, lease=LEASE)
    poll = timedelta(seconds=0.2)
    Worker(queue, handle, parts=parts, concurrency=3, prefetch=PREFETCH, poll=poll).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
