"""The library's own worker in a process that is there to be killed.

    python -m tests.chaos.library_worker PORT QUEUE WITNESS [--consumer NAME] [--prefetch NUMBER] [--dies-at MESSAGE]

Its handler writes lines as `tests.chaos.redis_worker` does: `run`, then `effect` or `fails`, the
message's id, the attempt, and the process.  `told` stands where Redis has said that it knows how
the message ended, `late` where it was somebody else's by then.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
from datetime import timedelta
from typing import Any

from headworks.brokers.redis.address import Address
from headworks.brokers.redis.deliveries import Deliveries
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


def main(asked: argparse.Namespace) -> None:
    witness = os.open(asked.witness, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    fifo, fails = not asked.prefetch, 0 if asked.prefetch else FAILS
    luck = random.Random(os.getpid())  # noqa: S311 - luck, no secret

    async def handle(message, context):
        def tell(what):
            os.write(witness, f"{what} {message.id} {context.attempt} {os.getpid()}\n".encode())

        tell("run")
        if message.id == asked.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if luck.random() < fails:
            tell("fails")
            raise Retry("no luck")
        tell("effect")
        # As if it had waited for something: what has finished meanwhile can be told.
        await asyncio.sleep(0)

    tell_what_redis_knows(witness)
    queue = Queue(
        name=asked.queue,
        payload=Any,
        consumers=(asked.consumer,),
        fifo=fifo,
        retry=RetryPolicy(delays=(timedelta(seconds=1),) * 15, jitter=0),
        max_crashes=WITHOUT_END,
    )
    address = Address(host="127.0.0.1", port=asked.port, credentials=lambda: (USER, PASSWORD))
    parts = RedisParts(address=address, log=RecordingLog(), counts=lambda *_: None, lease=LEASE)
    poll = timedelta(seconds=0.2)
    Worker(queue, handle, parts=parts, concurrency=3, prefetch=asked.prefetch or PREFETCH, poll=poll).run()


def tell_what_redis_knows(witness: int) -> None:
    """Have each settlement that was answered written down: only what isn't, a kill may repeat."""
    settle = Deliveries.settle

    def settle_and_tell(self, verdicts):
        some = list(verdicts)
        late = yield from settle(self, some)
        lines = [
            f"{'late' if each.received.entry in late else 'told'} {each.received.message_id} 0 {os.getpid()}\n"
            for each in some
        ]
        os.write(witness, "".join(lines).encode())
        return late

    Deliveries.settle = settle_and_tell


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("queue")
    parser.add_argument("witness")
    parser.add_argument("--consumer", default=CONSUMER)
    parser.add_argument("--prefetch", type=int)
    parser.add_argument("--dies-at")
    return parser.parse_args()


if __name__ == "__main__":
    main(arguments())
