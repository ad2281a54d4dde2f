"""A queue on a real server, with processes that take from it and a clock that the test moves."""

from __future__ import annotations

from asyncio import Runner
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.cancelling import cancel
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.conversation import PATIENCE_SECONDS
from headworks.brokers.redis.delivered import Finished, Gone, Waits
from headworks.brokers.redis.deliveries import HANDED_BACK_MILLISECONDS, Deliveries
from headworks.brokers.redis.keys import GROUP, Keys
from headworks.brokers.redis.operation import Refused, command
from headworks.brokers.redis.upkeep import Upkeep
from headworks.ledger.ledger import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headworks.brokers.redis.address import Address
    from headworks.brokers.redis.delivered import Received
    from headworks.brokers.redis.operation import Operation
    from headworks.brokers.redis.scripts import Scripts
    from tests.support.valkey import Server

AT = datetime(2026, 1, 2, tzinfo=UTC)
_names = count()


class RedisQueue:
    """One queue; its name is nobody else's."""

    def __init__(
        self,
        server: Server,
        scripts: Scripts,
        *,
        consumers: Sequence[str] = ("handle",),
        fifo: bool = False,
        keys: type[Keys] = Keys,
        window: timedelta = timedelta(hours=1),
        asyncio: bool = False,
        address: Address | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.fifo = fifo
        self.scripts = scripts
        self.keys = keys(f"q{next(_names)}")
        self.consumers = tuple(consumers)
        self._server = server
        self._connection = (BlockingAsyncConnection if asyncio else Connection)(
            address or server.address, patience=patience
        )
        self._administrator = Connection(server.administrator)
        self.acceptance = Acceptance(self.keys, consumers, window=window, fifo=fifo, scripts=scripts)

    def like(
        self,
        *,
        server: Server | None = None,
        address: Address | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RedisQueue:
        """The same queue, seen by somebody else: over another address, or on the server that came after."""
        other = RedisQueue(
            server or self._server,
            self.scripts,
            consumers=self.consumers,
            fifo=self.fifo,
            address=address,
            patience=patience,
        )
        other.keys = self.keys
        return other

    def close(self) -> None:
        self._connection.close()
        self._administrator.close()

    def run(self, operation: Operation):
        """As the user that consumers log in as."""
        return self._connection.run(operation)

    def admin(self, *arguments: str | int | bytes):
        """One command, as somebody who may do everything."""
        return self._administrator.run(_ask(arguments))

    def send(self, *ids: str, key: str = "", ordering_key: str | None = None, delay: int = 0, body: str = ""):
        """Offer messages; a FIFO one's ordering key is its id's first letter unless given."""
        offers = [
            Offer(
                id=each,
                key=key or each,
                body=f'"{body or each}"',
                ordering_key=(ordering_key or each[0]) if self.fifo else None,
            )
            for each in ids
        ]
        return self.run(self.acceptance.enqueue(offers, delay=timedelta(seconds=delay)))

    def cancel(self, key: str) -> bool:
        """Take back what waits for its delay."""
        return self.run(cancel(self.keys, self.consumers, key, scripts=self.scripts))

    def process(self, name: str = "one", *, consumer: str = "", lease: int = 30) -> Process:
        """A process that takes a consumer's messages."""
        return Process(self, consumer or self.consumers[0], name, timedelta(seconds=lease))

    def upkeep(self, consumer: str = "") -> Upkeep:
        return Upkeep(
            self.keys,
            consumer or self.consumers[0],
            key_of=lambda body: body.decode().strip('"'),
            scripts=self.scripts,
        )

    def figures(self, consumer: str = ""):
        return self.run(self.upkeep(consumer).figures())

    def let_leases_run_out(self, *, of: str = "", consumer: str = "") -> None:
        """As if nobody had been heard of for a day: each entry stays its owner's, with its count."""
        keys = self.keys.of(consumer or self.consumers[0])
        self.admin("HSET", keys.state, "looked_at", 0, "cursor", "-")
        for entry, owner, still, delivered in self._pending(keys.stream):
            if still < HANDED_BACK_MILLISECONDS and (not of or owner.decode() == of):
                idle = ("IDLE", 10**8, "RETRYCOUNT", delivered, "JUSTID")
                self.admin("XCLAIM", keys.stream, GROUP, owner, 0, entry, *idle)

    def _pending(self, stream: str):
        try:
            return self.admin("XPENDING", stream, GROUP, "-", "+", 10_000)
        except Refused:
            return []

    def let_waits_end(self, consumer: str = "") -> None:
        """As if everything that waits were due."""
        keys = self.keys.of(consumer or self.consumers[0])
        for message_id in self.admin("ZRANGE", keys.due, 0, -1):
            self.admin("ZADD", keys.due, "XX", 1, message_id)

    def everything_left(self) -> list[str]:
        """The keys of the queue that hold something."""
        found = {each.decode() for each in self.admin("KEYS", f"{self.keys.tag}*")}
        return sorted(each for each in found if self._holds(each))

    def _holds(self, key: str) -> bool:
        return self.admin("TYPE", key) != b"stream" or self.admin("XLEN", key) > 0


class BlockingAsyncConnection:
    """A connection of asyncio for those who wait for each operation."""

    def __init__(self, address: Address, *, patience: float) -> None:
        self._runner = Runner()
        self._connection = AsyncConnection(address, patience=patience)

    def run(self, operation: Operation):
        return self._runner.run(self._connection.run(operation))

    def close(self) -> None:
        self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        self._connection.close()


class Process:
    """A consumer's process, which remembers what it was handed."""

    def __init__(self, queue: RedisQueue, consumer: str, name: str, lease: timedelta) -> None:
        self.name = name
        self._queue = queue
        self.deliveries = Deliveries(
            queue.keys.of(consumer), name, lease=lease, fifo=queue.fifo, scripts=queue.scripts
        )

    def fetch(self, most: int = 10, *, block: float = 0, idle: bool = True):
        # What is due is looked at now, and not a tenth of a second later.
        self.deliveries._tend_at = 0
        return self._queue.run(self.deliveries.fetch(most, block=block, idle=idle))

    def take(self, most: int = 10, *, idle: bool = True) -> list[Received]:
        return list(self.fetch(most, idle=idle).deliveries)

    def ids(self, most: int = 10, *, idle: bool = True) -> list[str]:
        return [each.message_id for each in self.take(most, idle=idle)]

    def finish(self, *received: Received) -> frozenset[bytes]:
        return self._settle(Finished(each) for each in received)

    def fail(self, *received: Received, seconds: int = 60) -> frozenset[bytes]:
        return self._settle(
            Waits(each, seconds * 1000, each.past.after(failure_of(each), sent_at=each.sent_at))
            for each in received
        )

    def defer(self, *received: Received, seconds: int = 60) -> frozenset[bytes]:
        return self._settle(Waits(each, seconds * 1000, each.past, failed=False) for each in received)

    def bury(self, *received: Received, letter: bytes = b"") -> frozenset[bytes]:
        return self._settle(Gone(each, letter) for each in received)

    def extend(self, *received: Received) -> frozenset[bytes]:
        return self._queue.run(self.deliveries.extend(received or None))

    def hand_back(self, *received: Received) -> frozenset[bytes]:
        return self._queue.run(self.deliveries.hand_back(received))

    def _settle(self, verdicts: Iterable) -> frozenset[bytes]:
        return self._queue.run(self.deliveries.settle(verdicts))


def failure_of(received: Received) -> Failure:
    attempt = received.past.attempts + 1
    return Failure(attempt=attempt, at=AT, error_type="ValueError", error=f"attempt {attempt} failed")


def _ask(arguments):
    return (yield command(*arguments))
