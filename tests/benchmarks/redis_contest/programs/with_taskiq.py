"""taskiq with its broker over streams, which acknowledges; results aren't kept."""

from __future__ import annotations

import measured
from taskiq import SimpleRetryMiddleware
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(measured.URL, queue_name="bench", consumer_id="0").with_middlewares(
    SimpleRetryMiddleware(default_retry_count=3)
)
tally = measured.Tally()


@broker.task(task_name="handle", retry_on_error=True)
async def handle(number: int, text: str, sent: float) -> None:
    tally.take(sent)


async def _send(payload: measured.Payload) -> None:
    await handle.kiq(*payload)


async def _started(how, send) -> None:
    await broker.startup()
    await how(send)
    await broker.shutdown()


if __name__ == "__main__":
    measured.play(
        {
            "single": lambda: _started(measured.one_by_one, _send),
            "together": lambda: _started(measured.together, _send),
            "paced": lambda: _started(measured.paced, _send),
        }
    )
