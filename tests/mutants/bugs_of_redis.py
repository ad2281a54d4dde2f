"""Mistakes on this side of Redis: what is read, looked for again and hung up.

Those of the scripts are in `tests.support.redis_bugs`.
"""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

QUEUE = "tests/contract/test_redis_queue.py"
FAILURES = "tests/contract/test_redis_failures.py"

REDIS = (
    Bug(
        "figures are read in several calls, and count twice what moves meanwhile",
        (QUEUE,),
        (
            Swap(
                "brokers/redis/upkeep.py",
                "Upkeep.figures",
                'answer = yield self._call("figures", (*keys.places, keys.dead, keys.state), GROUP)',
                'answer = yield self._call("figures", (*keys.places, keys.dead, keys.state), GROUP); '
                'answer[4] = yield command("ZCARD", keys.due)',
            ),
        ),
    ),
    Bug(
        "nobody looks for what a fetch brought that reached the server after it was given up",
        (QUEUE,),
        (
            Swap(
                "brokers/redis/deliveries.py",
                "Deliveries._fetch_once",
                "self._unsure or self._now() >= self._sure_until",
                "self._unsure",
            ),
        ),
    ),
    Bug(
        "a connection of asyncio that isn't let in leaves its socket open",
        (FAILURES,),
        (Swap("brokers/redis/async_connection.py", "_greet", 'line.hang_up("it isn\'t let in")', "pass"),),
    ),
)
