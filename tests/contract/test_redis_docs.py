"""The example of docs/redis.md runs, with nothing but a Redis."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

from headworks.brokers.redis.dead_letters import RedisDeadLetters
from headworks.producer import Outgoing
from headworks.retry import RetryPolicy
from tests.support.patience import until

PAGE = Path(__file__).parents[2] / "docs" / "redis.md"


def names_of_the_page(server):
    """What the page's examples define, on this server."""
    block = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    address = f"redis://{server.address.host}:{server.address.port}"
    assert "redis://localhost:6379" in block
    names = {"__name__": "example"}
    exec(compile(block.replace("redis://localhost:6379", address), str(PAGE), "exec"), names)  # noqa: S102 - our own page
    return names


def test_the_example_fulfils_an_order_lists_what_timed_out_and_puts_it_back(newest_server, monkeypatch):
    example = names_of_the_page(newest_server)
    monkeypatch.setitem(example, "ORDERS", once(example["ORDERS"]))
    fulfilled, errors = [], [TimeoutError("the shop is slow")]

    def fulfil(message):
        if errors:
            raise errors.pop()
        fulfilled.append(message.data["id"])

    monkeypatch.setitem(example, "fulfil", fulfil)
    worker = example["worker"]()
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        example["send"]({"id": "order-1"})
        with RedisDeadLetters(example["ORDERS"], newest_server.address) as dead:
            until(lambda: dead.page().letters, what="it is dead")
        assert example["put_back_what_timed_out"]() == [True]
        until(lambda: fulfilled, what="it is fulfilled")
    finally:
        worker.stop()
        thread.join(20)

    assert fulfilled == ["order-1"]


def test_the_example_for_asyncio_sends_from_many_tasks(newest_server):
    example = names_of_the_page(newest_server)
    outgoings = [
        Outgoing(
            data={"id": f"order-{n}"}, type="order.placed", source="shop", idempotency_key=f"asyncio-{n}"
        )
        for n in range(20)
    ]

    answers = asyncio.run(example["send_from_tasks"](outgoings))

    assert len({each.message_id for each in answers}) == 20


def once(queue):
    """The queue, whose messages are tried once: the test doesn't wait."""
    return type(queue)(
        name=queue.name,
        payload=queue.payload,
        consumers=queue.consumers,
        transport=queue.transport,
        retry=RetryPolicy(delays=()),
    )
