"""ArdiQ: a core in Rust, streams, acknowledgements after the task; results aren't kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import measured
from ardiq import Ardiq

if TYPE_CHECKING:
    from collections.abc import Sequence

app = Ardiq(
    redis_url=measured.URL,
    queue_name="bench",
    concurrency=500,
    result_ttl_ms=0,
)
tally = measured.Tally()


@app.task()
async def handle(number: int, text: str, sent: float) -> None:
    tally.take(sent)


async def _send(payload: measured.Payload) -> None:
    await handle.enqueue(*payload)


async def _send_all(payloads: Sequence[measured.Payload]) -> None:
    await app.enqueue_many(handle.prepare(*payload) for payload in payloads)


if __name__ == "__main__":
    measured.play(
        {
            "single": lambda: measured.one_by_one(_send),
            "together": lambda: measured.together(_send),
            "batch": lambda: measured.in_batches(_send_all, measured.payloads()),
            "paced": lambda: measured.paced(_send),
        }
    )
