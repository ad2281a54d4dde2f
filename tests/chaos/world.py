"""A whole pipeline on the simulator, whose processes die when they are told to, and its books."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from random import Random
from threading import Event
from typing import TYPE_CHECKING, Any

from botocore.exceptions import EndpointConnectionError

from bury_crashed.burial import Burial, Graveyard
from headworks.brokers.sqs import SqsBroker
from headworks.burying import Undertaker
from headworks.consumer import Consumer
from headworks.errors import Reject, Retry, Unavailable
from headworks.ledger.ledger import State
from headworks.ledger.memory import MemoryLedger
from headworks.message import encode, new_message
from headworks.operations.replay_store import MemoryReplayStore
from headworks.operations.replays import ReplayRequest, Selection
from headworks.payload import encode_payload
from headworks.producer import Accepted as Answer
from headworks.producer import Outgoing, Producer
from headworks.retry import RetryPolicy
from headworks.testing import Ending, NotIdle, SimulatedAws
from headworks.testing.clock import NEW_YEAR
from headworks.testing.deduplication import MemoryDeduplication
from headworks.topology import Topology
from headworks.upkeep import ADMINISTER, BURY_CRASHED, WAKE_WAITING
from headworks.waking import Waker
from headworks.wiring import ConsumerParts
from tests.chaos.at_once import at_once
from tests.chaos.books import Accepted, Books, Standing, Verdicts
from tests.chaos.dying import (
    BuryingBroker,
    BuryingLedger,
    DyingBroker,
    DyingDeduplication,
    DyingLedger,
    DyingLog,
    Fate,
    Process,
)
from tests.chaos.points import Point, Way
from tests.chaos.replaying import replays_of
from tests.support.declarations import SECOND, a_queue
from wake_waiting.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headworks.queue import Queue
    from headworks.testing import Environment

    Handler = Callable[[dict[str, Any], Any], Any]

EDGE_TIMEOUT = 30 * SECOND
OUTAGES = ("ledger", "sqs", "memory of acceptances", "concurrency")
# The wait after the third attempt is long enough to leave a standard queue.
DELAYS = (SECOND, 10 * SECOND, 120 * SECOND)
MOST_ROUNDS = 20
# A claim that nobody marked is over by itself.
NOT_ON_A_QUEUE = (State.WAITING, State.REPLAYING)
PATIENCE_SECONDS = 20
MOST_SENDINGS = 5


def declaration(**fields: Any) -> Queue:
    """A queue of four attempts, whose handler has two seconds."""
    return a_queue(
        **{
            "retry": RetryPolicy(delays=DELAYS, jitter=0),
            "timeout": 2 * SECOND,
            **fields,
        }
    )


class World:
    """Producer, queue, consumer, `wake_waiting` and `bury_crashed`, over one ledger in memory.

    A message says itself what its handler is to do: `script` is one word an attempt, the
    last one for all that follow.  Whatever is random comes from the seed.
    """

    def __init__(self, queue: Queue, *, seed: int = 0, in_batches: bool = False, **quirks: Any) -> None:
        self._in_batches = in_batches
        self.declaration = queue
        self.random = Random(seed)  # noqa: S311 - to be repeatable is its purpose
        self.aws = SimulatedAws(seed=seed)
        self.ledger = MemoryLedger(self.aws.clock)
        self.replay_store = MemoryReplayStore()
        self.memory = MemoryDeduplication()
        self.fate = Fate()
        self.books = Books(attempts=queue.retry.max_attempts, most_crashes=queue.max_crashes)
        self.sqs_is_down = False
        self.sent: dict[str, Outgoing] = {}
        self.run_at: dict[tuple[str, int], timedelta] = {}
        self.queue = self.aws.queue_for(queue, **quirks)
        self.is_fixed = False
        self._names = 0
        self._replays_asked_for = 0

    def __enter__(self) -> World:
        self.aws.__enter__()
        queue = self.declaration
        self.mapping = self.aws.map_for(queue, start=self._start(self._consumer))
        self._edge = self._function(self._producer, "edge", EDGE_TIMEOUT)
        self._operator = self._function(self._administer, ADMINISTER.function, ADMINISTER.timeout)
        waker = self._function(self._waker, WAKE_WAITING.function, WAKE_WAITING.timeout)
        self.aws.every(WAKE_WAITING.interval, lambda: waker.invoke({}))
        self.aws.map(
            self.queue.dead_letter_queue,
            self._function(self._undertaker, BURY_CRASHED.function, BURY_CRASHED.timeout),
            batch_size=BURY_CRASHED.batch_size,
            maximum_concurrency=BURY_CRASHED.max_concurrency,
            report_batch_item_failures=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self.aws.__exit__(*error)

    @property
    def now(self) -> timedelta:
        """The time since the beginning."""
        return self.aws.clock.now() - NEW_YEAR

    def send(
        self, *scripts: Sequence[str], ordering_keys: Sequence[str] = (), delay: timedelta = 0 * SECOND
    ) -> list[str]:
        """Send messages in one call, a few times if need be; the keys of what was accepted: all or none."""
        lanes = ordering_keys or [None] * len(scripts)
        outgoings = [self._outgoing(script, lane) for script, lane in zip(scripts, lanes, strict=True)]
        for _ in range(MOST_SENDINGS):
            if self._is_accepted(outgoings, delay):
                break
            self.aws.run_for(SECOND)
        else:
            return []
        self.sent |= {each.idempotency_key: each for each in outgoings}
        # What waits first takes its place when it is due, behind whatever came meanwhile.
        self.books.accepted += [
            Accepted(key=each.idempotency_key, ordering_key=None if delay else each.ordering_key)
            for each in outgoings
        ]
        return [each.idempotency_key for each in outgoings]

    def replay(self, *names: str, times: int = 1, **fields: Any) -> None:
        """Ask for replays of these, or of all that is dead, so many at the same moment; a second is over then."""
        self.aws.run_for(SECOND)
        for _ in range(times):
            self._replays_asked_for += 1
            request = ReplayRequest(
                id=f"rpl_{self._replays_asked_for}",
                queue=self.declaration.name,
                selection=Selection(names=names),
                by="an operator",
                **fields,
            )
            self._operator.invoke({"request": request})
        self.aws.run_for(SECOND)

    def send_again(self, key: str) -> None:
        """Send an accepted message once more, as a sender does that has forgotten its answer."""
        self._is_accepted([self.sent[key]], 0 * SECOND)

    def send_late_copy(self, key: str) -> None:
        """Put a copy of an accepted message on the queue, as a sender whose answer was lost does."""
        self._put_copy(self.queue, self.sent[key])

    def give_up(self, *, copy_of: str | None = None) -> None:
        """Have SQS give up all that is on the queue, or a copy of something."""
        dead_letters = self.queue.dead_letter_queue
        if copy_of is not None:
            self._put_copy(dead_letters, self.sent[copy_of])
            return
        for message in self.queue.messages:
            self.queue.move(message, dead_letters)

    @contextmanager
    def without(self, what: str) -> Iterator[None]:
        """Have one of `OUTAGES` for as long as the block takes."""
        self._break(what, is_broken=True)
        try:
            yield
        finally:
            self._break(what, is_broken=False)

    def heal(self) -> None:
        """Let everybody live, until nothing moves any more."""
        self.fate.forget()
        self.run()

    def run(self) -> None:
        """Let time pass until nothing moves any more, or for ever as good as nothing."""
        for _ in range(MOST_ROUNDS):
            with suppress(NotIdle):
                self.aws.run_until_idle()
            due = [item.due for item in self.ledger.items.values() if item.state in NOT_ON_A_QUEUE]
            due += [self.aws.clock.now()] * len(self.replay_store.running())
            if not due:
                return
            self.aws.run_for(max(min(due) - self.aws.clock.now(), WAKE_WAITING.interval))

    def close(self) -> Verdicts:
        """Heal, and close the books."""
        self.heal()
        return self.look()

    def look(self) -> Verdicts:
        """What the books say now; whatever still moves counts as stuck."""
        self.books.dead = {
            each.request_id for each in self.aws.invocations if each.ending in (Ending.DIED, Ending.TIMED_OUT)
        }
        letters = self.ledger.letters
        now = self.aws.clock.now()
        self.books.standings = {
            key: Standing.of(item, letters[key][1] if item.state is State.DEAD else None, now=now)
            for key, item in self.ledger.items.items()
        }
        self.books.left = [
            json.loads(each.body)["idempotencykey"]
            for queue in (self.queue, self.queue.dead_letter_queue)
            for each in queue.messages
        ]
        return self.books.close()

    def _break(self, what: str, *, is_broken: bool) -> None:
        match what:
            case "ledger":
                self.ledger.down = is_broken
            case "sqs":
                self.sqs_is_down = is_broken
            case "memory of acceptances":
                self.memory.down = is_broken
            case "concurrency":
                self.mapping.function.reserved_concurrency = 0 if is_broken else None

    def _outgoing(self, script: Sequence[str], lane: str | None) -> Outgoing:
        self._names += 1
        return Outgoing(
            data={"script": list(script)},
            type="order.placed",
            source="shop",
            idempotency_key=f"key-{self._names}",
            ordering_key=lane,
        )

    def _is_accepted(self, outgoings: Sequence[Outgoing], delay: timedelta) -> bool:
        invocation = self._edge.invoke({"outgoings": outgoings, "delay": delay})
        while invocation.ending is None:
            self.aws.step()
        return invocation.ending is Ending.ANSWERED and all(
            isinstance(each, Answer) for each in invocation.answer
        )

    def _put_copy(self, queue: Any, original: Outgoing) -> None:
        message = new_message(
            encode_payload(original.data),
            source=original.source,
            type=original.type,
            clock=self.aws.clock,
            idempotency_key=original.idempotency_key,
            ordering_key=original.ordering_key,
        )
        lane = original.ordering_key
        queue.send(encode(message), **({"group": lane, "deduplication_id": message.id} if lane else {}))

    def _function(self, make: Callable[[Process], Handler], name: str, timeout: timedelta) -> Any:
        return self.aws.function(start=self._start(make), name=name, timeout=timeout)

    def _start(self, make: Callable[[Process], Handler]) -> Callable[[Environment], Handler]:
        def start(environment: Environment) -> Handler:
            process = Process(environment, self.fate, self.books)
            answer = make(process)

            def handler(event: dict[str, Any], context: Any) -> Any:
                process.begin(context)
                return answer(event, context)

            return handler

        return start

    def _consumer(self, process: Process) -> Handler:
        parts = ConsumerParts(
            broker=DyingBroker(process, self.sqs_of(process)),
            ledger=DyingLedger(process, self.ledger),
            log=DyingLog(process),
            counts=lambda *_: None,
            exit_process=lambda _: process.environment.die(),
            pause=lambda seconds: process.environment.clock.advance(timedelta(seconds=seconds)),
        )
        handle = partial(self._handle, process)
        consumer = Consumer(
            self.declaration,
            at_once(handle) if self._in_batches else handle,
            in_batches=self._in_batches,
            parts=parts,
            clock=process.environment.clock,
        )

        def handler(event: dict[str, Any], context: Any) -> Any:
            answer = consumer(event, context)
            process.reach(Point.BEFORE_ANSWER)
            return answer

        return handler

    def _handle(self, process: Process, message: Any, context: Any) -> None:
        """What a message's script says of this attempt; trouble of our own is over when its run was given back."""
        # The books count a key's attempts through all of its replays.
        earlier = self.ledger.items[message.idempotency_key].earlier
        step = process.step(message.idempotency_key, earlier + context.attempt)
        self.books.runs.append(step)
        self.run_at[step.key, step.attempt] = self.now
        process.reach(Point.BEFORE_EFFECT)
        script = message.data["script"]
        match "done" if self.is_fixed else script[min(context.attempt, len(script)) - 1]:
            case "fail":
                raise RuntimeError("the handler failed")
            case "ask for two minutes":
                raise Retry("not now", after=120 * SECOND)
            case "reject":
                raise Reject("never")
            case "trouble" if not any(each.key == step.key for each in self.books.returned):
                raise Unavailable("the secrets", "down")
            case "kill":
                process.die(Way.EXIT)
            case "kill when the others are done":
                self._wait_for_records()
                process.die(Way.EXIT)
            case "hang":
                process.die(Way.TIMEOUT)
            case "take a second":
                process.environment.clock.advance(SECOND)
            case "fail late":
                process.environment.clock.advance(SECOND)
                raise RuntimeError("the handler failed")
        process.environment.check()
        self.books.effects.append(step)
        process.reach(Point.AFTER_EFFECT)

    def _wait_for_records(self) -> None:
        """Wait until every effect of the others is in the ledger, in the threads' own time."""
        waited = 0.0
        while len(self.books.records) < len(self.sent) - 1 and waited < PATIENCE_SECONDS:
            Event().wait(0.001)
            waited += 0.001

    def _waker(self, process: Process) -> Handler:
        waker = Waker(
            queue=self.declaration,
            consumer=self.declaration.consumers[0],
            ledger=DyingLedger(process, self.ledger),
            broker=DyingBroker(process, self.sqs_of(process)),
            claim_check=None,
            clock=process.environment.clock,
            log=DyingLog(process),
        )
        return Rounds([waker], replays=replays_of(self, process), log=DyingLog(process)).go

    def _administer(self, process: Process) -> Handler:
        replays = replays_of(self, process)

        def handler(event: dict[str, Any], context: Any) -> None:
            replays.start(event["request"])
            replays.work(
                event["request"].id,
                remaining=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()),
            )

        return handler

    def _undertaker(self, process: Process) -> Handler:
        queue, url = self.declaration, self.queue.dead_letter_queue.url
        log = DyingLog(process)
        undertaker = Undertaker(
            queue=queue,
            consumer=queue.consumers[0],
            ledger=BuryingLedger(process, self.ledger),
            claim_check=None,
            clock=process.environment.clock,
            log=log,
        )
        broker = BuryingBroker(process, self.sqs_of(process, url=url))
        graveyard = Graveyard(undertaker=undertaker, broker=broker, counts=lambda *_: None)
        return Burial(
            topology=Topology(queues=(queue,)),
            url_of=lambda *_: url,
            graveyard=lambda *_: graveyard,
            side_by_side=BURY_CRASHED.batch_size,
            log=log,
        ).answer

    def _producer(self, process: Process) -> Handler:
        producer = Producer(
            self.declaration,
            DyingBroker(process, self.sqs_of(process)),
            log=DyingLog(process),
            deduplication=DyingDeduplication(process, self.memory),
            ledgers=[DyingLedger(process, self.ledger)],
            clock=process.environment.clock,
        )
        return lambda event, _: producer.send_batch(event["outgoings"], delay=event["delay"])

    def sqs_of(self, process: Process, *, url: str | None = None) -> SqsBroker:
        """A process's way to SQS."""
        client = process.environment.client
        client.meta.events.register("provide-client-params.sqs.*", self._reach_sqs)
        return SqsBroker(
            self.declaration,
            client,
            url=url or self.queue.url,
            dead_letter_url=self.queue.dead_letter_queue.url,
            log=DyingLog(process),
            pause=lambda seconds: process.environment.clock.advance(timedelta(seconds=seconds)),
        )

    def _reach_sqs(self, **_: Any) -> None:
        if self.sqs_is_down:
            raise EndpointConnectionError(endpoint_url="https://sqs")
