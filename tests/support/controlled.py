"""A pipeline on the simulator for operators to act on: three queues, a source, their ledgers and their mappings."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import msgspec
from botocore.exceptions import ReadTimeoutError

from headworks.brokers.redis.purging import Removed
from headworks.brokers.redis.upkeep import Figures
from headworks.brokers.sqs import SqsBroker
from headworks.consumer import Consumer
from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.ledger.interventions import MemoryInterventions
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.operations.control import Pause
from headworks.operations.directory import Place
from headworks.operations.kept_back import KeptBack
from headworks.operations.pausing import DeployedPauses
from headworks.operations.resuming import Resuming
from headworks.producer import Outgoing, Producer
from headworks.testing import SimulatedAws
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.events import FakeContext
from headworks.testing.flags import MemoryFlags
from headworks.testing.log import RecordingLog
from headworks.testing.mappings import SimulatedMappings
from headworks.topology import Topology
from headworks.waking import Waker
from headworks.webhooks import sources
from headworks.webhooks.routes import Route
from headworks.wiring import ConsumerParts
from tests.support.declarations import a_queue

ORDERS = a_queue(name="orders", consumers=("fulfil_order",))
EVENTS = a_queue(name="events", consumers=("store_event", "count_event"))
LETTERS = a_queue(name="letters", consumers=("post_letter",), fifo=True)
TOPOLOGY = Topology(
    queues=(ORDERS, EVENTS, LETTERS), sources=(sources.stripe(),), routes=(Route(queue="events"),)
)
FULFIL, STORE, COUNT, POST = (
    Address("orders", "fulfil_order"),
    Address("events", "store_event"),
    Address("events", "count_event"),
    Address("letters", "post_letter"),
)
ADDRESSES = (FULFIL, STORE, COUNT, POST)


NOTHING = Figures(
    ready=0,
    pending=0,
    due=0,
    parked=0,
    dead=0,
    ordering_keys=0,
    consumers=0,
    oldest=None,
    next_due=None,
    paused=None,
    done=0,
    retried=0,
    deferred=0,
    late=0,
)


class FakeRedis:
    """Queues on Redis, by what is told of their consumers; `down` makes it answer nothing."""

    def __init__(self) -> None:
        self.told: dict[Address, Figures] = {}
        self.paused: dict[Address, Pause] = {}
        self.down = False

    def has(self, address: Address) -> bool:
        return address in self.told

    def figures(self, addresses: Any) -> dict[Address, Figures]:
        self._answer()
        return {address: self.told[address] for address in addresses if address in self.told}

    def pause(self, address: Address, pause: Pause) -> None:
        self._answer()
        self.paused.setdefault(address, pause)

    def resume(self, address: Address) -> bool:
        self._answer()
        return self.paused.pop(address, None) is not None

    def purge(self, address: Address, choice: Any, *, goes_on: Any) -> Removed:
        self._answer()
        figures = self.told[address]
        self.told[address] = msgspec.structs.replace(figures, ready=0, due=0, parked=0)
        return Removed(
            removed=figures.ready + figures.due + figures.parked, running=figures.pending, more=not goes_on()
        )

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("Redis", "down")


class Controlled:
    """`done` are the keys that each consumer has done, in their order; a payload `{"fails": true}` fails."""

    def __init__(self) -> None:
        self.aws = SimulatedAws()
        self.clock = self.aws.clock
        self.log = RecordingLog()
        self.flags = MemoryFlags()
        self.redis = FakeRedis()
        self.ledgers = {address: MemoryLedger(self.clock) for address in ADDRESSES}
        self.catalogue = MemoryCatalogue(self.ledgers, self.clock)
        self.memory = MemoryDeduplication()
        self.queues = {address: self._make_queue(address) for address in ADDRESSES}
        self.done: dict[Address, list[str]] = {address: [] for address in ADDRESSES}
        self.handlers = {address: self._consumer(address) for address in ADDRESSES}
        self.mappings = SimulatedMappings(self.clock)
        self.kept_back = KeptBack(
            TOPOLOGY, catalogue=self.catalogue, interventions=self.interventions, clock=self.clock
        )
        self.resuming = Resuming(self.flags, self.kept_back, clock=self.clock)
        self.pauses = DeployedPauses(
            TOPOLOGY,
            flags=self.flags,
            mappings=self.mappings,
            on_redis=self.redis,
            resuming=self.resuming,
            clock=self.clock,
            log=self.log,
        )

    def map(self) -> None:
        """Let Lambda's mappings take messages."""
        self.mappings = SimulatedMappings(
            self.clock,
            {
                address: self.aws.map_for(
                    self.declaration(address),
                    self.handlers[address],
                    consumer=address.consumer if address.queue == "events" else None,
                )
                for address in ADDRESSES
            },
        )
        self.pauses = DeployedPauses(
            TOPOLOGY,
            flags=self.flags,
            mappings=self.mappings,
            on_redis=self.redis,
            resuming=self.resuming,
            clock=self.clock,
            log=self.log,
        )

    @staticmethod
    def declaration(address: Address) -> Any:
        [declared] = [queue for queue in TOPOLOGY.queues if queue.name == address.queue]
        return declared

    def places(self) -> dict[Address, Place]:
        """The directory: everything is where the simulator has it."""
        return {
            address: Place(
                url=queue.url,
                arn=queue.arn,
                dead_letter_url=queue.dead_letter_queue.url,
                function=f"arn:aws:lambda:us-east-1:000000000000:function:{address.consumer}",
                mapping=address.consumer,
            )
            for address, queue in self.queues.items()
        }

    def interventions(self, address: Address) -> MemoryInterventions:
        return MemoryInterventions(self.ledgers[address])

    def producer(self, address: Address = FULFIL) -> Producer:
        """The way in; on a queue of several consumers to the first of them, as if no topic were there."""
        declared = self.declaration(address)
        return Producer(
            declared,
            self._broker(address),
            log=self.log,
            deduplication=self.memory,
            ledgers=[self.ledgers[each] for each in ADDRESSES if each.queue == declared.name],
            clock=self.clock,
        )

    def send(
        self,
        key: str,
        *,
        fails: bool = False,
        address: Address = FULFIL,
        lane: str | None = None,
        **how: Any,
    ) -> Any:
        outgoing = Outgoing(
            data={"fails": fails},
            type="thing.happened",
            source="stripe",
            idempotency_key=key,
            ordering_key=lane,
        )
        return self.producer(address).send(outgoing, **how)

    def waker(self, address: Address) -> Waker:
        return Waker(
            queue=self.declaration(address),
            consumer=address.consumer,
            ledger=self.ledgers[address],
            broker=self._broker(address),
            claim_check=None,
            clock=self.clock,
            log=self.log,
        )

    def wake_every_minute(self) -> None:
        """Everybody's wakers, and the sources that are being resumed."""

        def wake() -> None:
            for flag_of in ("stripe",):
                flag = self.flags.flags.get(f"pause#source#{flag_of}")
                self.resuming.go_on(flag_of, flag, remaining=plenty)
            for address in ADDRESSES:
                self.waker(address).wake(remaining=plenty)

        self.aws.every(timedelta(minutes=1), wake)

    def _make_queue(self, address: Address) -> Any:
        declared = self.declaration(address)
        return self.aws.queue_for(declared, consumer=address.consumer if declared is EVENTS else None)

    def _broker(self, address: Address) -> SqsBroker:
        queue = self.queues[address]
        return SqsBroker(
            self.declaration(address),
            self.aws.client,
            url=queue.url,
            dead_letter_url=queue.dead_letter_queue.url,
            log=self.log,
        )

    def _consumer(self, address: Address) -> Any:
        def handle(message: Any) -> None:
            if message.data["fails"]:
                raise RuntimeError("the handler failed")
            self.done[address].append(message.idempotency_key)

        return Consumer(
            self.declaration(address),
            handle,
            name=address.consumer,
            parts=ConsumerParts(
                broker=self._broker(address),
                ledger=self.ledgers[address],
                log=self.log,
                counts=lambda *_: None,
                pause=lambda _: None,
            ),
            clock=self.clock,
        )


class FakeLambda:
    """Invokes the consumers of a pipeline; `fails_with` is how, `answers` what it says instead."""

    def __init__(self, controlled: Controlled) -> None:
        self._controlled = controlled
        self.fails_with: BaseException | None = None
        self.crashes = False
        self.answers: bytes | None = None
        self.invoked: list[dict[str, Any]] = []
        self.waits: list[int] = []

    def __call__(self, seconds: int) -> FakeLambda:
        self.waits.append(seconds)
        return self

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        event = json.loads(Payload)
        self.invoked.append({"function": FunctionName, "how": InvocationType, "event": event})
        if isinstance(self.fails_with, ReadTimeoutError):
            self._run(FunctionName, event)
        if self.fails_with is not None:
            raise self.fails_with
        if self.crashes:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "no"}')}
        answer = self._run(FunctionName, event) if self.answers is None else self.answers
        return {"Payload": io.BytesIO(answer)}

    def _run(self, function: str, event: dict[str, Any]) -> bytes:
        [address] = [each for each in ADDRESSES if function.endswith(f":{each.consumer}")]
        return json.dumps(self._controlled.handlers[address](event, FakeContext())).encode()


def plenty() -> timedelta:
    """As much time as anybody needs."""
    return timedelta(seconds=25)
