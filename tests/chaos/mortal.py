"""A consumer in a real process of the emulator's Lambda, which really dies where it is told to.

Who dies is written down beforehand: each file in the directory of warrants is one death, its
name says how, and the process that takes it dies of it at the function's point.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import boto3

from headworks.brokers.sqs import SqsBroker
from headworks.consumer import Consumer
from headworks.errors import Reject, Retry, Unavailable
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.retry import RetryPolicy
from headworks.wiring import ConsumerParts
from tests.chaos import scripts
from tests.chaos.books import Step
from tests.chaos.dying import DyingBroker, DyingLedger, DyingLog
from tests.chaos.points import Point, Way
from tests.chaos.witness import tell
from tests.support.declarations import SECOND, a_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from headworks.queue import Queue

# What is told of a process, to a witness each.
TOLD = ("begun", "leases", "returned", "runs", "effects", "records", "unanswered", "ended")
CONSUMER = "fulfil_order"
MEMORY_MB = 192


def declaration(name: str) -> Queue:
    """A queue whose handler has a second; a message outlives any number of deaths."""
    return a_queue(
        name=name,
        consumers=(CONSUMER,),
        retry=RetryPolicy(delays=(SECOND, 2 * SECOND, 2 * SECOND), jitter=0),
        timeout=SECOND,
        batch_size=3,
        concurrency=3,
        max_crashes=50,
    )


class Told:
    """A page of the books that is written by a witness, line by line."""

    def __init__(self, url: str) -> None:
        self._url = url

    def append(self, step: Step) -> None:
        tell(self._url, step)

    def __iadd__(self, steps: Iterable[Step]) -> Told:
        for step in steps:
            self.append(step)
        return self

    def __ior__(self, unanswered: Iterable[tuple[str, str]]) -> Told:
        for key, process in unanswered:
            self.append(Step(key=key, process=process))
        return self


class ToldBooks:
    """The books as a process under test writes them: outside of itself."""

    def __init__(self, urls: dict[str, str]) -> None:
        for page in TOLD:
            setattr(self, page, Told(urls[page]))


class MortalProcess:
    """This process, as the wrappers of `tests.chaos.dying` know one."""

    def __init__(self, point: Point, warrants: Path, books: ToldBooks) -> None:
        self.environment = self
        self.books: Any = books
        self.name = ""
        self._point = point
        self._warrants = warrants
        self._dying = threading.Lock()

    def check(self) -> None:
        """Return: the dead don't ask."""

    def begin(self, context: Any) -> None:
        """Run another invocation."""
        self.name = context.aws_request_id

    def step(self, key: str, attempt: int) -> Step:
        """What this process does, as the books have it."""
        return Step(key=key, process=self.name, attempt=attempt)

    def reach(self, point: Point) -> None:
        """Be at a point: whoever gets a warrant for it dies, one thread for all."""
        if point is not self._point:
            return
        with self._dying:
            for warrant in self._warrants.glob("*.due"):
                with suppress(FileNotFoundError):
                    warrant.rename(warrant.with_suffix(f".{self.name}"))
                    self.die(Way(warrant.stem.partition("-")[2]))

    def has_no_trouble_yet(self, key: str) -> bool:
        """Whether nobody has asked that of a key before."""
        with suppress(FileExistsError):
            (self._warrants / f"{key}.trouble").touch(exist_ok=False)
            return True
        return False

    def die(self, way: Way) -> NoReturn:
        """End this process, or have Lambda end it."""
        if way is Way.EXIT:
            os._exit(1)
        if way is Way.SIGKILL:
            os.kill(os.getpid(), signal.SIGKILL)
        hoard = []
        while True:
            if way is Way.OUT_OF_MEMORY:
                hoard.append(os.urandom(2**20) * 8)
            time.sleep(0.001)


def start(environment: Mapping[str, str] = os.environ) -> Callable[[Any, Any], Any]:
    """The function's handler, from what the test has put into its environment."""
    limit_memory()
    books = ToldBooks({page: environment[f"{page.upper()}_URL"] for page in TOLD})
    process = MortalProcess(Point(environment["POINT"]), Path(environment["WARRANTS"]), books)
    queue, log = declaration(environment["QUEUE"]), DyingLog(process)
    broker = SqsBroker(
        queue,
        boto3.client("sqs"),
        url=environment["QUEUE_URL"],
        dead_letter_url=environment["DEAD_LETTER_QUEUE_URL"],
        log=log,
    )
    ledger = DynamoDBLedger(queue, CONSUMER, boto3.client("dynamodb"), table=environment["LEDGER_TABLE"])
    parts = ConsumerParts(
        broker=DyingBroker(process, broker),
        ledger=DyingLedger(process, ledger),
        log=log,
        counts=lambda *_: None,
    )
    consumer = Consumer(queue, partial(handle, process), parts=parts)

    def handler(event: Any, context: Any) -> Any:
        process.begin(context)
        books.begun.append(process.step(queue.name, 0))
        answer = consumer(event, context)
        process.reach(Point.BEFORE_ANSWER)
        books.ended.append(process.step(queue.name, 0))
        return answer

    return handler


def handle(process: MortalProcess, message: Any, context: Any) -> None:
    """Do what a message's script says of this attempt."""
    step = process.step(message.idempotency_key, context.attempt)
    process.books.runs.append(step)
    process.reach(Point.BEFORE_EFFECT)
    script = message.data["script"]
    match script[min(context.attempt, len(script)) - 1]:
        case "fail":
            raise RuntimeError("the handler failed")
        case scripts.LONG_WAIT:
            raise Retry("not now", after=120 * SECOND)
        case "reject":
            raise Reject("never")
        case "trouble" if process.has_no_trouble_yet(step.key):
            raise Unavailable("the secrets", "down")
        case "kill":
            process.die(Way.EXIT)
    process.books.effects.append(step)
    process.reach(Point.AFTER_EFFECT)


def limit_memory() -> None:
    """Kill this process when it has more memory than its function, as Lambda does and the emulator doesn't."""
    page = os.sysconf("SC_PAGE_SIZE")

    def watch() -> None:
        while int(Path("/proc/self/statm").read_text().split()[1]) * page < MEMORY_MB * 2**20:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
