"""arq: a sorted set of jobs, one key for each; results aren't kept."""

from __future__ import annotations

import measured
from arq import create_pool
from arq.connections import RedisSettings

SETTINGS = RedisSettings.from_dsn(measured.URL)
tally = measured.Tally()


async def handle(context, number: int, text: str, sent: float) -> None:
    tally.take(sent)


class WorkerSettings:
    """What `arq with_arq.WorkerSettings` runs."""

    functions = (handle,)
    redis_settings = SETTINGS
    max_jobs = 200
    max_tries = 3
    keep_result = 0
    # It looks every half second as it comes: its latency would be that.
    poll_delay = 0.005


async def _pooled(how) -> None:
    pool = await create_pool(SETTINGS)

    async def send(payload: measured.Payload) -> None:
        await pool.enqueue_job("handle", *payload)

    await how(send)
    await pool.aclose()


if __name__ == "__main__":
    measured.play(
        {
            "single": lambda: _pooled(measured.one_by_one),
            "together": lambda: _pooled(measured.together),
            "paced": lambda: _pooled(measured.paced),
        }
    )
