"""A worker on a real Redis whose handler takes whole batches."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import pytest

from headworks.errors import Failed, InvalidDeclaration, Reject
from headworks.retry import RetryPolicy
from tests.support.declarations import SECOND
from tests.support.patience import until
from tests.support.redis_workers import WorkedQueue


@pytest.fixture
def make(newest_server):
    made = []

    def make(**declared):
        made.append(WorkedQueue(newest_server, **{"batch_size": 10, "concurrency": 10, **declared}))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


class Pages:
    """A handler of batches that writes down which came together; it waits where it is told to."""

    def __init__(self):
        self.seen = []
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()

    def handle(self, messages):
        self._enter(messages)
        assert self.open.wait(20)

    async def handle_async(self, messages):
        self._enter(messages)
        while not self.open.is_set():  # noqa: ASYNC110 - the test opens it from its own thread
            await asyncio.sleep(0.005)

    def await_entered(self):
        assert self.entered.acquire(timeout=20), "no batch comes"

    def _enter(self, messages):
        self.seen.append(sorted(each.data for each in messages))
        self.entered.release()


@pytest.fixture
def pages():
    pages = Pages()
    yield pages
    pages.open.set()


def kind_of(pages, kind):
    return pages.handle if kind == "def" else pages.handle_async


both = pytest.mark.parametrize("kind", ["def", "async def"])


@both
def test_what_comes_within_the_window_is_one_run(make, pages, kind):
    queue = make(batch_window=SECOND)
    queue.send("a", "b")
    worker = queue.start(kind_of(pages, kind), in_batches=True)
    until(lambda: worker.health().held == 2, what="the first two are fetched")
    queue.send("c")
    queue.await_drained()
    queue.end(worker)

    assert pages.seen == [["a", "b", "c"]]
    assert queue.counted == {"Done": 3}
    assert queue.figures().done == 3
    assert not queue.troubles()


def test_a_full_batch_does_not_wait_for_its_window(make, pages):
    queue = make(batch_window=timedelta(minutes=5), batch_size=3, concurrency=3)
    queue.send(*"abcdef")
    queue.start(pages.handle, in_batches=True)
    queue.await_drained()

    assert sorted(pages.seen) == [["a", "b", "c"], ["d", "e", "f"]]


def test_those_that_have_failed_come_back_and_the_others_are_done(make):
    queue = make(retry=RetryPolicy(delays=(SECOND,), jitter=0))
    told, batches = [], []

    def handle(messages, context):
        batches.append([(each.data, context.of(each).attempt) for each in messages])
        failed = {
            each: Reject("never") if each.data == "bad" else RuntimeError("not yet")
            for each in messages
            if each.data == "bad" or (each.data == "late" and context.of(each).attempt == 1)
        }
        if failed:
            raise Failed(failed)

    queue.send("good", "late", "bad")
    queue.start(
        handle,
        in_batches=True,
        on_processed=lambda message, duration: told.append((message.data, duration > timedelta(0))),
        on_failed=lambda error, message: told.append((message.data, str(error))),
    )
    until(queue.letters, what="one is dead")
    queue.await_drained()

    assert sorted(batches[0]) == [("bad", 1), ("good", 1), ("late", 1)]
    assert batches[1:] == [[("late", 2)]]
    assert [kept.letter.key for kept in queue.letters()] == ["bad"]
    assert sorted(told, key=str) == [("bad", "never"), ("good", True), ("late", "not yet"), ("late", True)]


@both
def test_a_slow_batch_keeps_its_leases(make, pages, kind):
    queue = make()
    pages.open.clear()
    queue.send("a", "b")
    queue.start(kind_of(pages, kind), in_batches=True, lease=0.6)
    pages.await_entered()
    other = queue.other_process(lease=0.6)

    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert not queue.connection.run(other.fetch(10, block=0.1, idle=True)).deliveries

    pages.open.set()
    queue.await_drained()
    assert pages.seen == [["a", "b"]]
    assert not queue.troubles()


def test_what_a_process_has_died_at_is_a_batch_of_its_own(make, pages):
    queue = make()
    queue.send("a", "b")
    dead = queue.other_process("dead", lease=0.5)
    assert len(queue.connection.run(dead.fetch(10, idle=True)).deliveries) == 2
    queue.send("c")
    queue.start(pages.handle, in_batches=True, lease=0.5)
    queue.await_drained()

    assert sorted(pages.seen) == [["a"], ["b"], ["c"]]


def test_stopped_it_finishes_the_batch_that_runs(make, pages):
    queue = make(batch_size=2, concurrency=2)
    pages.open.clear()
    queue.send("a", "b", "c")
    worker = queue.start(pages.handle, in_batches=True)
    pages.await_entered()
    assert worker.active == 1
    worker.stop()
    pages.open.set()
    queue.end(worker)

    assert pages.seen == [["a", "b"]]
    assert not worker.is_running
    figures = queue.figures()
    assert (figures.done, figures.pending, figures.ready) == (2, 0, 1)
    assert not queue.exited


def test_stopped_while_it_gathers_it_hands_back_what_it_has(make, pages):
    queue = make(batch_window=timedelta(minutes=5))
    queue.send("a", "b")
    worker = queue.start(pages.handle, in_batches=True)
    until(lambda: worker.health().held == 2, what="both are fetched")

    queue.end(worker)

    assert not pages.seen
    fetched = queue.connection.run(queue.other_process().fetch(10, idle=True))
    assert len(fetched.deliveries) == 2
    assert not any(each.is_suspect for each in fetched.deliveries)


def test_an_async_batch_that_outlives_the_grace_period_is_cancelled_and_tried_again(make, pages):
    queue = make()
    pages.open.clear()
    queue.send("a", "b")
    worker = queue.start(pages.handle_async, in_batches=True, grace=timedelta(seconds=0.2))
    pages.await_entered()

    queue.end(worker)

    figures = queue.figures()
    assert (figures.pending, figures.due) == (0, 2)
    assert not queue.exited


def test_a_thread_that_outlives_the_grace_period_ends_the_process_and_keeps_its_leases(make, pages):
    queue = make()
    pages.open.clear()
    queue.send("a", "b")
    worker = queue.start(pages.handle, in_batches=True, grace=timedelta(seconds=0.2))
    pages.await_entered()

    queue.end(worker)

    assert queue.exited == [1]
    figures = queue.figures()
    assert (figures.pending, figures.due) == (2, 0), "nobody else may start them while the thread runs"


def test_a_batch_that_takes_too_long_in_a_thread_is_told_of_and_goes_on(make, pages):
    queue = make(timeout=SECOND)
    pages.open.clear()
    queue.send("a")
    queue.start(pages.handle, in_batches=True)
    until(queue.troubles, what="it is told of")
    pages.open.set()
    queue.await_drained()

    assert queue.troubles() == [
        "a handler takes longer than its queue's timeout, and a thread can't be stopped: it goes on"
    ]
    assert queue.figures().done == 1


@pytest.mark.parametrize(
    ("declared", "options", "words"),
    [
        ({"fifo": True}, {}, "has no order to keep"),
        ({}, {"concurrency": 2}, "one batch at a time, not 2"),
        ({}, {"prefetch": 5}, "nothing is prefetched"),
    ],
)
def test_batches_that_can_not_be_worked_on_are_refused(make, declared, options, words):
    queue = make(**declared)

    with pytest.raises(InvalidDeclaration, match=words):
        queue.worker(lambda _messages: None, in_batches=True, **options)


@pytest.mark.parametrize("in_batches", [False, True])
def test_a_paused_worker_takes_nothing_until_it_is_resumed(make, in_batches):
    queue, paused, seen = make(), threading.Event(), []

    def handle(taken):
        seen.extend(each.data for each in (taken if in_batches else [taken]))

    paused.set()
    worker = queue.start(handle, in_batches=in_batches, is_paused=paused.is_set)
    queue.send("a", "b")
    until(lambda: worker.health().is_paused, what="it is paused")
    assert queue.figures().ready == 2
    assert worker.health().is_well
    paused.clear()
    queue.await_drained()

    assert sorted(seen) == ["a", "b"]
