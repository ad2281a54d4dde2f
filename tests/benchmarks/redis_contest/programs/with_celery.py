"""Celery with late acknowledgements and without results; its way to send is blocking."""

from __future__ import annotations

import measured
from celery import Celery

app = Celery("bench", broker=measured.URL)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=128,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
tally = measured.Tally()


@app.task(name="handle", max_retries=3)
def handle(number: int, text: str, sent: float) -> None:
    tally.take(sent)


async def _send(payload: measured.Payload) -> None:
    handle.delay(*payload)


if __name__ == "__main__":
    measured.play(
        {
            "single": lambda: measured.one_by_one(_send),
            "paced": lambda: measured.paced(_send),
        }
    )
