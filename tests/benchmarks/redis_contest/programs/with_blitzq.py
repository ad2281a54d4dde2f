"""BlitzQ, in its mode that loses nothing: streams, consumer groups, acknowledgements in groups."""

from __future__ import annotations

import measured
from blitzq import Queue

queue = Queue(name="bench", redis_url=measured.URL, mode="reliable", store_results=False, default_retries=3)
tally = measured.Tally()


@queue.task(name="handle")
async def handle(number: int, text: str, sent: float) -> None:
    tally.take(sent)


async def _send(payload: measured.Payload) -> None:
    await handle.enqueue(*payload)


if __name__ == "__main__":
    measured.play(
        {
            "single": lambda: measured.one_by_one(_send),
            "together": lambda: measured.together(_send),
            "batch": lambda: measured.in_batches(handle.enqueue_many, measured.payloads()),
            "paced": lambda: measured.paced(_send),
        }
    )
