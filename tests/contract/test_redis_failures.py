"""A server that goes away, is slow, forgets or is full: nothing is lost, nothing is sent twice, nobody spins."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.address import Address
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.memory_mark import MemoryMark
from headworks.brokers.redis.operation import command
from headworks.errors import Unavailable
from tests.support.guarded_scripts import guarded_scripts
from tests.support.redis_queue import AT, RedisQueue
from tests.support.valkey import ask, running


@pytest.fixture(params=["blocking", "asyncio"])
def queue(request, newest_server):
    queue = RedisQueue(newest_server, guarded_scripts(), asyncio=request.param == "asyncio")
    yield queue
    queue.close()


def drop_connections(server):
    """Every connection of the users, as a restart or a network would."""
    ask(server.administrator, "CLIENT", "KILL", "USER", "headworks")


def test_a_dropped_connection_is_made_again_and_the_call_repeated(queue, newest_server):
    queue.send("a")
    process = queue.process()
    received = process.take()
    drop_connections(newest_server)

    assert process.finish(*received) == frozenset()
    drop_connections(newest_server)
    queue.send("b")

    assert queue.figures().done == 1


class Relay:
    """A server's other address, which can stop passing on what is said, or what is answered."""

    def __init__(self, server):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs = []
        # Nothing passes, and nobody is told.
        self.mute = False
        # Whatever connection says this carries nothing from then on.
        self.silenced_by = b""
        # Of so many connections both ends are open, and nothing gets from one to the other.
        self._half_open = 0
        self._silent = set()
        # Whoever says this gets no answer, and the connection breaks: once.
        self.breaks_after = b""
        self._breaks = False
        Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        given = self._server.address
        return Address(host="127.0.0.1", port=self._listener.getsockname()[1], credentials=given.credentials)

    def lose_connections(self):
        """Those there are now carry nothing any more, and neither end is told."""
        self._half_open = len(self._pairs)

    def close(self):
        self._listener.close()
        for pair in self._pairs:
            for each in pair:
                each.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server.address.node)
            self._pairs.append((client, server))
            number = len(self._pairs)
            Thread(target=self._pass_on, args=(number, client, server, "said"), daemon=True).start()
            Thread(target=self._pass_on, args=(number, server, client, "answered"), daemon=True).start()

    def _pass_on(self, number, one, other, what):
        try:
            while data := one.recv(1 << 16):
                if what == "said" and self.silenced_by and self.silenced_by in data:
                    self._silent.add(number)
                if self.mute or number in self._silent or number <= self._half_open:
                    continue
                if what == "said" and self.breaks_after and self.breaks_after in data:
                    self.breaks_after, self._breaks = b"", True
                if what == "answered" and self._breaks:
                    self._breaks = False
                    one.shutdown(socket.SHUT_RDWR)
                    other.shutdown(socket.SHUT_RDWR)
                    return
                other.sendall(data)
        except OSError:
            pass


@contextmanager
def relayed(server):
    relay = Relay(server)
    try:
        yield relay
    finally:
        relay.close()


def test_a_lost_answer_of_an_enqueue_sends_nothing_twice(queue, newest_server):
    with relayed(newest_server) as relay, Connection(relay.address, pause=lambda _: None) as connection:
        relay.breaks_after = b"EVAL"

        [accepted] = connection.run(queue.acceptance.enqueue([Offer(id="a", key="k", body="1")]))

    assert (accepted.duplicate, accepted.error) == (False, None)
    assert queue.process().ids() == ["a"]


def test_a_lost_answer_of_a_settlement_settles_once(queue, newest_server):
    queue.send("a")
    with relayed(newest_server) as relay:
        behind = queue.like(address=relay.address)
        process = behind.process()
        [received] = process.take()
        relay.breaks_after = b"EVAL"

        process.fail(received)

        behind.close()
    figures = queue.figures()
    assert (figures.retried, figures.due, figures.pending) == (1, 1, 0)


@pytest.mark.parametrize("asked", [b"XREADGROUP", b"EVAL"], ids=["reading", "tending"])
def test_deliveries_whose_answer_was_lost_come_with_the_next_fetch(queue, newest_server, asked):
    queue.send("a", "b", "c")
    dying = queue.process("dying")
    dying.hand_back(*dying.take(1))
    with relayed(newest_server) as relay:
        behind = queue.like(address=relay.address)
        process = behind.process()
        process.deliveries._unsure = False
        relay.breaks_after = asked

        seen = []
        for _ in range(4):
            try:
                seen += process.take(1, idle=False)
            except Unavailable:
                seen.append(None)
        behind.close()

    assert None in seen
    assert sorted((each.message_id, each.count) for each in seen if each) == [("a", 1), ("b", 1), ("c", 1)]


def test_what_couldnt_be_settled_is_settled_before_the_next_fetch(queue, newest_server):
    queue.send("a", "b", "c")
    with relayed(newest_server) as relay:
        behind = queue.like(address=relay.address, patience=0)
        process = behind.process()
        a, b, c = process.take()
        for settle, received in ((process.finish, a), (process.fail, b), (process.bury, c)):
            relay.breaks_after = b"EVAL"
            with pytest.raises(Unavailable):
                settle(received)

        assert process.take() == []

        behind.close()
    figures = queue.figures()
    assert (figures.done, figures.due, figures.pending, figures.ready) == (1, 1, 0, 0)
    assert process.deliveries.held == {}


def test_a_half_open_connection_is_given_up_in_time(newest_server):
    with relayed(newest_server) as relay, Connection(relay.address, answers_within=0.2) as connection:
        connection.run(_ask("PING"))
        relay.mute = True
        Thread(target=lambda: (time.sleep(0.1), setattr(relay, "mute", False)), daemon=True).start()

        started = time.monotonic()
        assert connection.run(_ask("PING")) == b"PONG"

    assert time.monotonic() - started < 2


def test_a_connection_that_isnt_answered_when_it_greets_isnt_left_open(newest_server):
    with relayed(newest_server) as relay:
        relay.mute = True
        before = open_files()

        async def ask():
            connection = AsyncConnection(relay.address, answers_within=0.05, patience=0)
            with pytest.raises(Unavailable):
                await connection.run(_ask("PING"))
            # A transport that was told to end is closed at the loop's next turn.
            await asyncio.sleep(0)
            return open_files() - before

        # The loop's own three are counted, and the relay's two ends.
        left = asyncio.run(ask())
    with relayed(newest_server) as relay:
        before = open_files()

        async def ask_and_be_answered():
            async with AsyncConnection(relay.address) as connection:
                await connection.run(_ask("PING"))
                return open_files() - before

        assert left < asyncio.run(ask_and_be_answered())


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_was_accepted_and_what_was_settled_survives_kills_of_a_server_with_an_append_only_file(
    tmp_path,
):
    kept_in_a_file = ("--appendonly", "yes", "--appendfsync", "everysec")
    with running("valkey-9", tmp_path, *kept_in_a_file) as server:
        queue = RedisQueue(server, guarded_scripts())
        queue.send(*(f"m{n}" for n in range(500)))
        process = queue.process()
        process.finish(*process.take(200))
        process.take(100)
        os.kill(server.pid, signal.SIGKILL)
        queue.close()
    with running("valkey-9", tmp_path, *kept_in_a_file) as server:
        again = queue.like(server=server)
        figures = again.figures()
        again.close()

    assert (figures.done, figures.pending, figures.ready) == (200, 100, 200)


def test_a_server_over_its_mark_takes_no_message_and_can_be_drained(tmp_path):
    with running("valkey-9", tmp_path, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction") as server:
        queue = RedisQueue(server, guarded_scripts())
        mark = MemoryMark(0.5)
        acceptance = Acceptance(
            queue.keys, queue.consumers, window=timedelta(minutes=1), mark=mark, scripts=queue.scripts
        )
        accepted = []
        now = [0.0]
        acceptance._now = lambda: now[0]
        for n in range(200):
            now[0] += 2
            offer = Offer(id=f"m{n}", key=f"m{n}", body="x" * 100_000)
            accepted += queue.run(acceptance.enqueue([offer]))
            if accepted[-1].error:
                break

        assert "over 50% no message is accepted" in accepted[-1].error
        process = queue.process()
        while received := process.take():
            process.finish(*received)
        assert queue.figures().done == len(accepted) - 1
        queue.close()


def test_a_server_that_is_quite_full_refuses_by_itself_and_can_be_paused_and_drained(tmp_path):
    with running("valkey-9", tmp_path, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction") as server:
        queue = RedisQueue(server, guarded_scripts())
        accepted = []
        while not accepted or accepted[-1].error is None:
            accepted += queue.send(f"m{len(accepted)}", body="x" * 100_000)

        assert "OOM" in accepted[-1].error
        # By far, and not only as long as a message is on its way in.
        queue.admin("CONFIG", "SET", "maxmemory", "4mb")
        queue.run(queue.upkeep().pause(at=AT, by="ada"))
        process = queue.process()
        assert process.fetch().paused
        assert queue.run(queue.upkeep().resume())
        received = process.take(1)
        process.fail(*received)
        process.finish(*process.take(1))
        assert (queue.figures().done, queue.figures().due) == (1, 1)
        queue.close()


def test_a_call_is_answered_within_two_seconds_of_its_servers_return(tmp_path):
    with running("valkey-9", tmp_path) as server:
        queue = RedisQueue(server, guarded_scripts())
        queue.send("a")
        os.kill(server.pid, signal.SIGKILL)
        answers = []
        asking = Thread(target=lambda: answers.append(queue.run(_ask("PING"))))
        asking.start()
        with running("valkey-9", tmp_path, port=server.address.port):
            asking.join(2)
        queue.close()

    assert answers == [b"PONG"]


def _ask(*arguments):
    return (yield command(*arguments))
