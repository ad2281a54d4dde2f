"""A worker of a queue on SQS, beside the simulated service: batches as on Lambda, and how it ends."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import timedelta

import pytest

from headworks.brokers.sqs import SqsBroker
from headworks.brokers.sqs_receiving import SqsReceiver
from headworks.brokers.sqs_visibility import SqsVisibility
from headworks.context import NotExtendable
from headworks.errors import Failed, Reject, Unavailable
from headworks.ledger.ledger import Entry, State
from headworks.ledger.memory import MemoryLedger
from headworks.retry import RetryPolicy
from headworks.testing import SimulatedAws
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from headworks.worker import Worker
from headworks.working.parts import SqsParts
from tests.support.declarations import SECOND, a_message, a_queue
from tests.support.patience import until

PATIENCE_SECONDS = 20
MINUTE = timedelta(minutes=1)
AN_EMPTY_POLL_SECONDS = 0.01


class Receiver(SqsReceiver):
    """Polls the simulation, which answers at once; an empty poll takes a moment, and it may be down."""

    def __init__(self, client, *, url):
        super().__init__(client, url=url)
        self.down = 0
        self.polls = 0

    def receive(self, most, *, poll, hidden_for):
        self.polls += 1
        if self.down:
            self.down -= 1
            raise Unavailable("the queue", "down")
        deliveries = super().receive(most, poll=timedelta(0), hidden_for=hidden_for)
        if not deliveries:
            threading.Event().wait(AN_EMPTY_POLL_SECONDS)
        return deliveries


class Stand:
    """A queue, what is beside it, and workers."""

    def __init__(self, aws, **declared):
        self.aws = aws
        self.queue = a_queue(**declared)
        self.simulated = aws.queue_for(self.queue)
        self.log = RecordingLog()
        self.ledger = MemoryLedger(aws.clock)
        self.counted = Counter()
        self.exited = []
        self.receiver = Receiver(aws.client, url=self.simulated.url)
        self.visibility = SqsVisibility(aws.client, url=self.simulated.url)
        self.broker = SqsBroker(
            self.queue, aws.client, url=self.simulated.url, dead_letter_url=self.simulated.url, log=self.log
        )
        self._started = []

    def send(self, *names, ordering_key=None):
        messages = [
            a_message(b'"%s"' % name.encode(), idempotency_key=name, ordering_key=ordering_key)
            for name in names
        ]
        assert not any(sent.error for sent in self.broker.send(messages))

    def worker(self, handle, *, lease=MINUTE, **options):
        parts = ConsumerParts(
            broker=self.broker,
            ledger=self.ledger,
            log=self.log,
            counts=lambda outcomes, _durations: self.counted.update(outcomes),
            exit_process=self.exited.append,
        )
        return Worker(
            self.queue,
            handle,
            parts=SqsParts(
                consumer=parts,
                receiver=self.receiver,
                visibility=self.visibility,
                lease=lease,
                now=lambda: self.aws.clock.now().timestamp(),
            ),
            clock=self.aws.clock,
            **options,
        )

    def start(self, handle, **options):
        return self.started(self.worker(handle, **options))

    def started(self, worker):
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        self._started.append((worker, thread))
        until(lambda: worker.is_running, what="it runs")
        return worker

    def end(self, worker):
        worker.stop()
        [thread] = [thread for each, thread in self._started if each is worker]
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "the worker doesn't end"

    def close(self):
        for worker, thread in self._started:
            worker.stop()
            worker.stop()
            thread.join(PATIENCE_SECONDS)

    def states(self):
        return {key: item.state for key, item in self.ledger.items.items()}

    def left(self):
        return len(self.simulated.messages)


@pytest.fixture
def make():
    made = []
    with SimulatedAws() as aws:

        def make(**declared):
            made.append(Stand(aws, **declared))
            return made[-1]

        yield make
        for stand in made:
            stand.close()


@pytest.fixture
def stand(make):
    return make()


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_every_message_is_run_once_leased_in_the_ledger_and_deleted(stand, kind):
    seen = []

    def handle(message):
        seen.append(message.data)

    async def handle_async(message):
        await asyncio.sleep(0)
        seen.append(message.data)

    names = [f"m{n}" for n in range(35)]
    stand.send(*names)
    worker = stand.start(handle if kind == "def" else handle_async, concurrency=12)
    until(lambda: not stand.left(), what="all are deleted")
    stand.end(worker)

    assert sorted(seen) == sorted(names)
    assert set(stand.states().values()) == {State.COMPLETED}
    assert stand.counted == {"Done": 35}


def test_a_failed_attempt_comes_back_after_its_wait_and_the_last_is_a_dead_letter(make):
    stand = make(retry=RetryPolicy(delays=(5 * SECOND,), jitter=0))
    attempts, failed = [], []

    def handle(_message, context):
        attempts.append(context.attempt)
        raise RuntimeError(f"attempt {context.attempt}")

    stand.send("m1")
    worker = stand.start(handle, on_failed=lambda error, message: failed.append((message.data, str(error))))
    until(lambda: stand.states() == {"m1": State.RETRYING}, what="it has failed once")
    until(lambda: worker.health().held == 0, what="it is settled")
    stand.aws.run_for(6 * SECOND)
    until(lambda: stand.states() == {"m1": State.DEAD}, what="it is dead")

    assert attempts == [1, 2]
    assert failed == [("m1", "attempt 1"), ("m1", "attempt 2")]
    until(lambda: not stand.left(), what="it is deleted")


def test_an_ordering_key_is_worked_on_in_order(make):
    stand = make(fifo=True)
    seen = []
    names = [f"m{n}" for n in range(20)]
    stand.send(*names, ordering_key="ada")

    stand.start(lambda message: seen.append(message.data))
    until(lambda: not stand.left(), what="all are deleted")

    assert seen == names


def test_hooks_that_fail_change_no_outcome(stand):
    def on_processed(_message, _duration):
        raise RuntimeError("a hook's own")

    def handle(message):
        if message.data == "bad":
            raise Reject("no")

    stand.send("good", "bad")
    stand.start(handle, on_processed=on_processed)
    until(lambda: not stand.left(), what="both are deleted")

    assert stand.states() == {"good": State.COMPLETED, "bad": State.DEAD}
    told = [fields["what"] for action, fields in stand.log.lines if action == "trouble"]
    assert told == ["the hook on_processed failed; the outcome stands"]


def test_stopped_it_finishes_what_runs_and_what_waits_for_it_goes_back(make):
    stand = make(fifo=True)
    entered, go_on, seen = threading.Event(), threading.Event(), []

    def handle(message):
        entered.set()
        assert go_on.wait(PATIENCE_SECONDS)
        seen.append(message.data)

    stand.send("m1", "m2", "m3", ordering_key="ada")
    worker = stand.start(handle)
    assert entered.wait(PATIENCE_SECONDS)
    assert worker.active == 1
    worker.stop()
    go_on.set()

    stand.end(worker)

    assert seen == ["m1"]
    assert stand.states()["m1"] is State.COMPLETED
    assert stand.left() == 2
    assert not stand.exited
    stand.aws.run_for(2 * SECOND)
    again = stand.receiver.receive(10, poll=SECOND, hidden_for=MINUTE)
    assert [each.receive_count for each in again] == [2, 2]


def test_an_async_run_that_outlives_the_grace_period_is_cancelled_and_tried_again(stand):
    entered = threading.Event()

    async def handle(_message):
        entered.set()
        await asyncio.sleep(60)

    stand.send("m1")
    worker = stand.start(handle, grace=timedelta(seconds=0.2))
    assert entered.wait(PATIENCE_SECONDS)

    stand.end(worker)

    assert stand.states() == {"m1": State.RETRYING}
    assert stand.left() == 1
    assert not stand.exited


def test_a_thread_that_outlives_the_grace_period_ends_the_process(stand):
    entered, go_on = threading.Event(), threading.Event()

    def handle(_message):
        entered.set()
        assert go_on.wait(PATIENCE_SECONDS)

    stand.send("m1")
    worker = stand.start(handle, grace=timedelta(seconds=0.2))
    assert entered.wait(PATIENCE_SECONDS)
    stand.end(worker)
    go_on.set()

    assert stand.exited == [1]
    assert stand.states() == {"m1": State.RUNNING}, "its lease ends by itself"
    assert stand.left() == 1


def test_what_is_received_while_it_stops_is_given_back_at_once(stand):
    stand.send("m1")
    seen = []
    worker = stand.worker(lambda message: seen.append(message))
    receive = stand.receiver.receive

    def receive_and_stop(most, **options):
        deliveries = receive(most, **options)
        worker.stop()
        return deliveries

    stand.receiver.receive = receive_and_stop
    worker.run()

    assert not seen
    assert [each.name for each in receive(10, poll=SECOND, hidden_for=MINUTE)], "it is visible"


def test_a_queue_that_can_not_be_asked_is_asked_again_and_told_of_once(stand):
    stand.receiver.down = 2
    stand.send("m1")
    stand.start(lambda _message: None)
    until(lambda: not stand.left(), what="it is done")

    told = [fields["what"] for action, fields in stand.log.lines if action == "trouble"]
    assert told == ["nothing can be received; tried again until it works"]


def test_on_sqs_nobody_gets_more_time_than_the_batch_has(stand):
    stand.send("m1")
    stand.start(lambda _message, context: context.extend(SECOND))
    until(lambda: stand.states() == {"m1": State.RETRYING}, what="it has failed")

    assert stand.ledger.failures["m1"].error_type == NotExtendable.__name__


def test_what_else_can_not_be_received_is_no_reason_to_lose_what_was(stand):
    class Client:
        def __init__(self, client):
            self._client = client
            self._calls = 0

        def __getattr__(self, name):
            return getattr(self._client, name)

        def receive_message(self, **parameters):
            from botocore.exceptions import EndpointConnectionError

            self._calls += 1
            if self._calls > 1:
                raise EndpointConnectionError(endpoint_url="sqs")
            return self._client.receive_message(**parameters)

    stand.send(*(f"m{n}" for n in range(15)))
    receiver = SqsReceiver(Client(stand.aws.client), url=stand.simulated.url)

    assert len(receiver.receive(15, poll=timedelta(0), hidden_for=MINUTE)) == 10


def test_a_handler_that_takes_longer_than_its_message_is_hidden_keeps_it(stand):
    entered, go_on, seen = threading.Event(), threading.Event(), []

    def handle(message):
        seen.append(message.data)
        entered.set()
        assert go_on.wait(PATIENCE_SECONDS)

    stand.send("m1")
    worker = stand.start(handle)
    assert entered.wait(PATIENCE_SECONDS)
    for _ in range(10):
        stand.aws.run_for(40 * SECOND)
        worker._work._custody.beat()
        assert not stand.receiver.receive(10, poll=SECOND, hidden_for=MINUTE)
    go_on.set()
    until(lambda: not stand.left(), what="it is deleted")

    assert seen == ["m1"]
    assert stand.states() == {"m1": State.COMPLETED}


def test_what_was_only_fetched_is_kept_and_a_slow_neighbour_holds_nobody_up(stand):
    go_on, seen = threading.Event(), []

    def handle(message):
        if message.data == "slow":
            assert go_on.wait(PATIENCE_SECONDS)
        seen.append(message.data)

    names = [f"m{n}" for n in range(12)]
    stand.send("slow", *names)
    stand.start(handle, concurrency=2, prefetch=4)
    until(lambda: stand.left() == 1, what="all others are deleted")
    go_on.set()
    until(lambda: not stand.left(), what="all are deleted")

    assert sorted(seen[:-1]) == sorted(names)


def test_stopped_it_gives_back_what_it_only_fetched(stand):
    entered, go_on = threading.Event(), threading.Event()

    def handle(_message):
        entered.set()
        assert go_on.wait(PATIENCE_SECONDS)

    stand.send(*(f"m{n}" for n in range(4)))
    worker = stand.start(handle, concurrency=1, prefetch=10)
    assert entered.wait(PATIENCE_SECONDS)
    until(lambda: worker.health().held == 4, what="all are fetched")
    worker.stop()
    until(lambda: worker.health().held == 1, what="the rest is given back")
    go_on.set()
    stand.end(worker)

    assert len(stand.receiver.receive(10, poll=SECOND, hidden_for=MINUTE)) == 3
    assert list(stand.states().values()) == [State.COMPLETED]


def test_a_message_that_its_process_died_of_runs_beside_nothing_else(stand):
    beside, slow = [], threading.Event()
    stand.send("poison")
    [lost] = stand.receiver.receive(1, poll=SECOND, hidden_for=SECOND)
    entry = Entry(key="poison", message_id=lost.id, type="t", source="s")
    stand.ledger.lease([entry], lasts=SECOND)
    stand.aws.run_for(3 * SECOND)
    stand.send("slow")

    def handle(message):
        if message.data == "slow":
            assert slow.wait(PATIENCE_SECONDS)
        beside.append((message.data, worker.active))

    worker = stand.worker(handle)
    stand.started(worker)
    until(lambda: worker.active == 1 and worker.health().held == 2, what="one runs and one waits")
    slow.set()
    until(lambda: not stand.left(), what="both are done")

    assert beside == [("slow", 1), ("poison", 1)]


def test_a_handler_of_batches_gets_what_came_within_the_window(make):
    stand = make(batch_size=10, concurrency=10, batch_window=SECOND)
    pages = []

    def handle(messages):
        pages.append(sorted(each.data for each in messages))
        if failed := {each: Reject("no") for each in messages if each.data == "bad"}:
            raise Failed(failed)

    stand.send("a", "b", "bad")
    stand.start(handle, in_batches=True)
    until(lambda: not stand.left(), what="all are deleted")

    assert pages == [["a", "b", "bad"]]
    assert stand.states() == {"a": State.COMPLETED, "b": State.COMPLETED, "bad": State.DEAD}


def test_a_paused_worker_takes_nothing_until_it_is_resumed(stand):
    paused, seen = threading.Event(), []
    paused.set()
    worker = stand.worker(lambda message: seen.append(message.data), is_paused=paused.is_set)
    stand.started(worker)
    until(lambda: worker.health().is_paused, what="it is paused")
    stand.send("m1")
    stand.aws.run_for(SECOND)
    assert (stand.receiver.polls, stand.left()) == (0, 1)
    paused.clear()
    until(lambda: not stand.left(), what="it is done")

    assert seen == ["m1"]


def test_what_was_fetched_when_it_is_paused_goes_back_and_what_runs_ends(stand):
    paused, entered, go_on = threading.Event(), threading.Event(), threading.Event()

    def handle(_message):
        entered.set()
        assert go_on.wait(PATIENCE_SECONDS)

    stand.send("m1", "m2", "m3")
    worker = stand.start(handle, concurrency=1, prefetch=10, is_paused=paused.is_set)
    assert entered.wait(PATIENCE_SECONDS)
    paused.set()
    until(lambda: worker.health().is_paused and worker.health().held == 1, what="the rest is given back")
    go_on.set()
    until(lambda: stand.left() == 2, what="what ran is done")

    assert worker.health().is_well


def test_a_record_of_pauses_that_can_not_be_read_stops_nobody(stand):
    def nobody_knows():
        raise Unavailable("the record of pauses", "down")

    stand.send("m1")
    stand.start(lambda _message: None, is_paused=nobody_knows)
    until(lambda: not stand.left(), what="it is done")

    told = [fields["what"] for action, fields in stand.log.lines if action == "trouble"]
    assert told == ["nobody knows whether it is paused: it goes on as it was"]
