"""A worker on a real Redis: what it runs, what it keeps, and how it ends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from contextvars import ContextVar
from datetime import timedelta

import pytest

from headworks.errors import InvalidDeclaration, Reject, Retry
from headworks.retry import RetryPolicy
from headworks.worker import AlreadyRun
from tests.support.declarations import SECOND
from tests.support.patience import until
from tests.support.redis_workers import WorkedQueue
from tests.support.valkey import free_port


@pytest.fixture
def make(newest_server):
    made = []

    def make(**declared):
        made.append(WorkedQueue(newest_server, **declared))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


@pytest.fixture
def queue(make):
    return make()


class Gate:
    """A handler that stands still until it is let go on, `def` or `async def`."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.seen = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def handle(self, message):
        self._enter(message)
        assert self.open.wait(20)
        self._leave()

    async def handle_async(self, message):
        self._enter(message)
        while not self.open.is_set():  # noqa: ASYNC110 - the test opens it from its own thread
            await asyncio.sleep(0.005)
        self._leave()

    def await_entered(self, number=1):
        for _ in range(number):
            assert self.entered.acquire(timeout=20), "nobody comes"

    def _enter(self, message):
        with self._lock:
            self.seen.append(message.data)
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        self.entered.release()

    def _leave(self):
        with self._lock:
            self.at_once -= 1


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


def kinds_of(gate):
    return {"def": gate.handle, "async def": gate.handle_async}


both = pytest.mark.parametrize("kind", ["def", "async def"])


@both
def test_every_message_is_run_once_and_settled(queue, kind):
    seen = []

    def handle(message):
        seen.append(message.data)

    async def handle_async(message):
        await asyncio.sleep(0)
        seen.append(message.data)

    names = [f"m{n}" for n in range(300)]
    queue.send(*names)
    worker = queue.start(handle if kind == "def" else handle_async)
    queue.await_drained()
    queue.end(worker)

    assert sorted(seen) == sorted(names)
    assert queue.counted == {"Done": 300}
    assert queue.figures().done == 300
    assert not queue.troubles()


@both
def test_so_many_run_at_once_as_it_was_told_and_no_more(queue, gate, kind):
    queue.send(*(f"m{n}" for n in range(10)))

    worker = queue.start(kinds_of(gate)[kind], concurrency=3)
    gate.await_entered(3)

    assert worker.active == 3
    assert not gate.entered.acquire(timeout=0.2)
    gate.open.set()
    queue.await_drained()
    assert gate.most_at_once == 3


def test_a_failed_attempt_comes_back_with_its_history_and_the_last_one_is_a_dead_letter(make):
    queue = make(retry=RetryPolicy(delays=(SECOND,), jitter=0))
    seen = []

    async def handle(_message, context):
        seen.append((context.attempt, context.max_attempts, [each.error for each in context.history]))
        raise RuntimeError(f"attempt {context.attempt}")

    queue.send("m1")
    queue.start(handle)
    until(queue.letters, what="it is dead")

    assert seen == [(1, 2, []), (2, 2, ["attempt 1"])]
    [kept] = queue.letters()
    assert (kept.letter.reason, kept.letter.attempts, kept.letter.key) == ("exhausted", 2, "m1")
    assert [each.error for each in kept.letter.failures] == ["attempt 1", "attempt 2"]
    assert "RuntimeError" in kept.letter.failures[0].stack
    queue.await_drained()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"body": b"{"}, "undecodable"),
        ({"expires_at": "past"}, "expired"),
        ({}, "rejected"),
    ],
)
def test_what_can_never_succeed_is_dead_at_once(make, fields, reason):
    queue = make(payload=str)
    seen = []

    async def handle(message):
        seen.append(message.data)
        raise Reject("no")

    if fields.get("expires_at"):
        from headworks.testing.clock import NEW_YEAR

        fields = {"expires_at": NEW_YEAR}
    queue.send("m1", **fields)
    queue.start(handle)
    until(queue.letters, what="it is dead")

    [kept] = queue.letters()
    assert kept.letter.reason == reason
    assert len(seen) == (reason == "rejected")


def test_a_failing_hook_changes_no_outcome(queue):
    told = []

    def on_processed(message, duration):
        told.append((message.data, duration > timedelta(0)))
        raise RuntimeError("a hook's own")

    def on_failed(error, message):
        told.append((message.data, str(error)))
        raise SystemExit(1)

    async def handle(message):
        if message.data == "bad":
            raise Reject("no good")

    queue.send("good", "bad")
    queue.start(handle, on_processed=on_processed, on_failed=on_failed)
    until(queue.letters, what="one is dead")
    queue.await_drained()

    assert sorted(told) == [("bad", "no good"), ("good", True)]
    assert queue.figures().done == 1
    assert len(queue.troubles()) == 2


def test_an_async_run_that_takes_too_long_is_cancelled_and_is_a_failed_attempt(make):
    queue = make(timeout=SECOND, retry=RetryPolicy(attempts=1))
    ended = []

    async def handle(message):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(message.data)
            raise

    queue.send("m1", "m2")
    queue.start(handle, concurrency=1)
    until(lambda: len(queue.letters()) == 2, what="both are dead")

    assert ended == ["m1", "m2"]
    assert {kept.letter.error_type for kept in queue.letters()} == {"TimeoutError"}


def test_a_run_that_asked_for_more_time_gets_it(make):
    queue = make(timeout=SECOND)
    left = []

    async def handle(_message, context):
        context.extend(timedelta(seconds=30))
        left.append(context.remaining_time())
        await asyncio.sleep(1.3)

    queue.send("m1")
    queue.start(handle)
    queue.await_drained()

    assert timedelta(seconds=30) < left[0] <= timedelta(seconds=31)
    assert queue.figures().done == 1


def test_runs_see_nothing_of_each_others_context_variables(queue):
    variable = ContextVar("variable", default="clean")
    seen = []

    async def handle(message):
        seen.append(variable.get())
        variable.set(message.data)
        await asyncio.sleep(0)
        seen.append(variable.get() == message.data)

    queue.send("m1", "m2", "m3")
    queue.start(handle, concurrency=1)
    queue.await_drained()

    assert seen == ["clean", True] * 3


def test_a_handler_that_cancels_its_own_task_fails_alone(make):
    queue = make(retry=RetryPolicy(attempts=1))
    seen = []

    async def handle(message):
        seen.append(message.data)
        if message.data == "m1":
            asyncio.current_task().cancel()
            await asyncio.sleep(1)

    queue.send("m1", "m2", "m3")
    queue.start(handle, concurrency=1)
    queue.await_drained()

    assert seen == ["m1", "m2", "m3"]
    assert [kept.letter.key for kept in queue.letters()] == ["m1"]
    assert queue.figures().done == 2


def test_an_ordering_key_is_worked_on_in_order_even_where_one_of_it_fails(make):
    queue = make(fifo=True, retry=RetryPolicy(delays=(SECOND,), jitter=0))
    seen, failed = [], set()

    async def handle(message):
        if message.data == "m7" and not failed:
            failed.add(message.data)
            raise Retry("once")
        seen.append(message.data)

    names = [f"m{n}" for n in range(30)]
    queue.send(*names)
    queue.start(handle)
    queue.await_drained()

    assert seen == names
    assert not queue.troubles()


@both
def test_a_slow_handler_keeps_its_lease_and_so_does_what_waits_behind_it(queue, gate, kind):
    queue.send("m1", "m2", "m3")
    queue.start(kinds_of(gate)[kind], concurrency=1, prefetch=10, lease=0.6)
    gate.await_entered()
    other = queue.other_process(lease=0.6)

    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        fetched = queue.connection.run(other.fetch(10, block=0.1, idle=True))
        assert not fetched.deliveries

    gate.open.set()
    queue.await_drained()
    assert sorted(gate.seen) == ["m1", "m2", "m3"]
    assert not queue.troubles()


def test_a_lease_that_was_lost_is_not_started(queue, gate):
    queue.send("m1", "m2")
    queue.start(gate.handle_async, concurrency=1, prefetch=10)
    gate.await_entered()
    # An operator takes everything away, with force.
    stream = queue.of.stream
    administrator = type(queue.connection)(queue.server.administrator)
    with administrator:
        from headworks.brokers.redis.operation import command

        def steal():
            pending = yield command("XPENDING", stream, "headworks", "-", "+", 10)
            yield command("XCLAIM", stream, "headworks", "thief", 0, *(each[0] for each in pending))

        administrator.run(steal())
    # Its deadline is over by now, as far as it knows.
    [(worker, _)] = queue._started
    worker._work._stock._good_until = 0
    for lane in worker._work._line._lanes:
        worker._work._deliveries.held.pop(lane[0].entry, None)
    gate.open.set()

    until(lambda: len(queue.troubles()) == 2, what="both are told of")
    assert gate.seen == ["m1"]
    assert set(queue.troubles()) == {
        "its lease was lost before it was started: it is somebody else's",
        "its lease had ended before it was settled",
    }


@both
def test_stopped_it_finishes_what_runs_and_hands_back_what_it_only_prefetched(queue, gate, kind):
    queue.send(*(f"m{n}" for n in range(10)))
    worker = queue.start(kinds_of(gate)[kind], concurrency=2, prefetch=10)
    gate.await_entered(2)
    threading.Timer(0.3, gate.open.set).start()

    queue.end(worker)

    assert len(gate.seen) == 2
    assert not worker.is_running
    assert queue.figures().done == 2
    # As good as new: nobody takes them for crashed, and nobody waits for a lease.
    other = queue.other_process()
    fetched = queue.connection.run(other.fetch(10, idle=True))
    assert len(fetched.deliveries) == 8
    assert not any(each.is_suspect for each in fetched.deliveries)
    assert not queue.exited


def test_an_async_run_that_outlives_the_grace_period_is_cancelled_and_tried_again(queue, gate):
    queue.send("m1")
    worker = queue.start(gate.handle_async, grace=timedelta(seconds=0.2))
    gate.await_entered()

    queue.end(worker)

    figures = queue.figures()
    assert (figures.pending, figures.due) == (0, 1)
    assert not queue.exited


def test_a_thread_that_outlives_the_grace_period_ends_the_process_and_keeps_its_lease(queue, gate):
    told = []
    queue.send("m1")
    worker = queue.start(
        gate.handle, grace=timedelta(seconds=0.2), on_failed=lambda error, _message: told.append(error)
    )
    gate.await_entered()

    queue.end(worker)

    assert queue.exited == [1]
    figures = queue.figures()
    assert (figures.pending, figures.due) == (1, 0), "nobody else may start it while the thread runs"
    assert not told


def test_told_to_stop_twice_it_waits_no_longer(queue, gate):
    queue.send("m1")
    worker = queue.start(gate.handle_async, grace=timedelta(minutes=5))
    gate.await_entered()
    worker.stop()

    queue.end(worker)

    assert queue.figures().due == 1


def test_a_suspect_is_run_alone(queue, gate):
    queue.send("m1")
    dead = queue.other_process("dead", lease=1)
    queue.connection.run(dead.fetch(10, idle=True))
    until(lambda: _is_lost(queue), what="its lease has run out", seconds=5)
    beside = []

    async def handle(message):
        if message.data == "m1":
            queue.send("m2", "m3")
            await asyncio.sleep(0.5)
            beside.append(gate.seen.copy())
        gate.seen.append(message.data)

    queue.start(handle, lease=1)
    queue.await_drained()

    assert beside == [[]]
    assert sorted(gate.seen) == ["m1", "m2", "m3"]


def _is_lost(queue):
    time.sleep(1.1)
    return True


def test_a_handler_of_one_queue_may_be_asked_how_its_worker_is(queue, gate):
    port = free_port()
    queue.send("m1", "m2", "m3")
    worker = queue.start(gate.handle_async, concurrency=1, prefetch=10, health_port=port)
    gate.await_entered()
    until(lambda: worker.health().held == 3, what="it has fetched all")

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        health = json.load(answer)

    assert (health["is_well"], health["is_running"], health["active"], health["held"]) == (True, True, 1, 3)
    assert health["heartbeat_is_alive"]
    gate.open.set()
    queue.await_drained()
    worker._work._heartbeat.stop()
    with pytest.raises(urllib.error.HTTPError) as unwell:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")
    assert unwell.value.code == 503
    unwell.value.close()


def test_what_is_due_comes_within_a_second_though_the_worker_waits(queue):
    seen = []

    async def handle(message):
        seen.append(message.data)

    queue.start(handle)
    queue.send("later", delay=1)
    until(lambda: seen, what="it has come", seconds=3)

    queue.await_drained()


def test_a_worker_runs_once(queue):
    worker = queue.start(lambda _message: None)
    queue.end(worker)

    with pytest.raises(AlreadyRun):
        worker.run()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": 0}, "a concurrency of 0"),
        ({"prefetch": 0}, "prefetches 0"),
        ({"poll": timedelta(0)}, "a poll of 0:00:00"),
        ({"grace": timedelta(seconds=-1)}, "a grace period of"),
        ({"consumer": "nobody_there"}, "'nobody_there' isn't a consumer of orders: those are fulfil_order"),
    ],
)
def test_an_order_that_can_not_be_worked_by_is_refused(queue, options, words):
    with pytest.raises(InvalidDeclaration, match=words):
        queue.worker(lambda _message: None, **options)


def test_a_hook_that_nobody_would_await_is_refused(queue):
    async def hook(_message, _duration):
        """Never called."""

    with pytest.raises(InvalidDeclaration, match="on_processed is async"):
        queue.worker(lambda _message: None, on_processed=hook)


@pytest.mark.parametrize("fifo", [False, True])
def test_a_worker_works_on_every_kind_of_server(redis_server, fifo):
    queue = WorkedQueue(redis_server, fifo=fifo, retry=RetryPolicy(delays=(SECOND,), jitter=0))
    seen, failed = [], []

    async def handle(message):
        if message.data == "m50" and not failed:
            failed.append(message.data)
            raise Retry("once")
        seen.append(message.data)

    names = [f"m{n}" for n in range(100)]
    queue.send(*names)
    try:
        worker = queue.start(handle)
        queue.await_drained()
        queue.end(worker)
    finally:
        queue.close()

    assert (seen if fifo else sorted(seen)) == (names if fifo else sorted(names))
    assert queue.counted == {"Done": 100, "Retry": 1}
    assert not queue.troubles()


def test_a_thread_that_takes_too_long_is_told_of_and_stays_the_messages_only_run(make, gate):
    queue = make(timeout=SECOND)
    queue.send("m1")
    queue.start(gate.handle, lease=0.6)
    until(queue.troubles, what="it is told of")

    assert (queue.figures().pending, queue.figures().due) == (1, 0)
    gate.open.set()
    queue.await_drained()
    assert queue.troubles() == [
        "a handler takes longer than its queue's timeout, and a thread can't be stopped: it goes on"
    ]
    assert (gate.seen, queue.figures().done) == (["m1"], 1)


def test_what_a_plain_function_returns_is_awaited(queue):
    seen = []

    async def later(message):
        await asyncio.sleep(0)
        seen.append(message.data)

    queue.send("m1")
    queue.start(lambda message: later(message))
    queue.await_drained()

    assert seen == ["m1"]


def test_a_message_that_kills_its_process_too_often_is_dead(make):
    queue = make(max_crashes=1)
    queue.send("m1")
    # The first death may have been a neighbour's doing: only those that it had alone count.
    for death in range(3):
        process = queue.other_process(f"dead {death}", lease=1)
        until(lambda process=process: _take(queue, process), what="it is taken again")
    seen = []
    queue.start(lambda message: seen.append(message.data), lease=1)
    queue.await_drained()

    assert not seen
    [kept] = queue.letters()
    assert (kept.letter.key, kept.letter.reason) == ("m1", "crashed")


def test_what_was_only_prefetched_when_a_process_died_is_run_and_nobody_calls_it_crashed(make):
    queue = make(max_crashes=0)
    names = [f"m{n}" for n in range(50)]
    queue.send(*names)
    process = queue.other_process("dead", lease=1)
    assert len(_take(queue, process, most=50)) == 50
    seen = []

    async def handle(message, context):
        seen.append((message.data, context.attempt))

    queue.start(handle, lease=1)
    queue.await_drained()

    assert sorted(seen) == sorted((name, 1) for name in names)
    assert not queue.letters()


def _take(queue, process, most=10):
    return queue.connection.run(process.fetch(most, block=0.2, idle=True)).deliveries
