"""Drains of a queue on Redis whose processes end in the midst of a batch, and one whose outcomes nobody takes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from contextlib import closing

import pytest

from headworks.ledger.ledger import State
from tests.contract.test_redis_failures import relayed
from tests.support.patience import until
from tests.support.redis_drain import Drained
from tests.support.valkey import running

CULPRIT = "m04"
PATIENCE_SECONDS = 30
NAMES = [f"m{n:02}" for n in range(10)]
FORKED = multiprocessing.get_context("fork")
# Newer Pythons warn of the threads that other tests have left here: the drain needs none of them.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path) as server:
        yield server


class Witness:
    """What was begun and what was done, in whichever process, with the attempt that it was."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._path = path

    def tell(self, what, message, context):
        os.write(self._file, f"{what} {message.data['n']} {context.attempt}\n".encode())

    def lines(self, what):
        return [
            tuple(line.split()[1:]) for line in self._path.read_text().splitlines() if line.startswith(what)
        ]


@pytest.fixture
def witness(tmp_path):
    return Witness(tmp_path / "witness")


def in_a_process(drained):
    """A drain as Lambda runs it, which ends before its time; how it ended."""
    process = FORKED.Process(target=drained.drain, args=(PATIENCE_SECONDS,))
    process.start()
    process.join(2 * PATIENCE_SECONDS)
    assert process.exitcode is not None, "it doesn't end"
    return process.exitcode


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_what_was_beside_a_message_that_kills_its_drain_is_done_and_is_charged_with_nothing(
    server, clock, log, witness, fifo
):
    def handle(message, context):
        witness.tell("run", message, context)
        if message.data["n"] == CULPRIT:
            os.kill(os.getpid(), signal.SIGKILL)
        witness.tell("done", message, context)

    with closing(Drained(server, clock, log, handle, fifo=fifo, batch_size=10, max_crashes=1)) as drained:
        for name in NAMES:
            drained.send(name, **({"ordering_key": name} if fifo else {}))
        # Beside its neighbours, alone, and alone once more: that is one crash, and one too many.
        for _ in range(3):
            assert in_a_process(drained) == -signal.SIGKILL
            drained.let_leases_run_out()
        assert in_a_process_of_ours(drained) == [State.DEAD]

    begun, done = witness.lines("run"), witness.lines("done")
    assert {name for name, _ in done} == set(NAMES) - {CULPRIT}
    assert {attempt for name, attempt in begun if name != CULPRIT} == {"1"}
    assert [attempt for name, attempt in begun if name == CULPRIT] == ["1", "1", "2"]
    assert max(Counter(name for name, _ in done).values()) <= 2, "once in the batch, and once as a suspect"


def in_a_process_of_ours(drained):
    """A drain whose ledger we can read: what became of those that it knows."""

    def is_drained():
        drained.drain(0.05)
        return drained.left() == (0, 0, 0)

    until(is_drained, what="the others are done", seconds=PATIENCE_SECONDS)
    assert drained.figures().ordering_keys == 0
    return [item.state for item in drained.ledger.items.values()]


@pytest.mark.usefixtures("plenty_of_time")
def test_what_was_beside_a_handler_that_never_ends_is_settled_before_its_drain_ends(
    server, clock, log, witness
):
    def handle(message, context):
        witness.tell("run", message, context)
        if message.data["n"] == CULPRIT and context.attempt == 1 and len(witness.lines("run")) <= len(NAMES):
            threading.Event().wait()
        witness.tell("done", message, context)

    with closing(Drained(server, clock, log, handle, batch_size=10, concurrency=10)) as drained:
        drained.send(*NAMES)

        assert in_a_process(drained) == 1
        assert drained.left() == (0, 1, 0)
        drained.let_leases_run_out()

        assert in_a_process_of_ours(drained) == []
    assert sorted(name for name, _ in witness.lines("done")) == NAMES
    assert set(witness.lines("run")) == {(name, "1") for name in NAMES}


@pytest.mark.usefixtures("plenty_of_time")
def test_a_drain_whose_outcomes_arent_taken_takes_no_more_than_a_batch(server, clock, log):
    seen = []
    with (
        relayed(server) as relay,
        closing(
            Drained(
                server,
                clock,
                log,
                lambda message: seen.append(message.data["n"]),
                batch_size=3,
                address=relay.address,
            )
        ) as drained,
    ):
        drained.send(*NAMES)
        relay.silenced_by = drained.scripts["settle"].sha.encode()
        drain = threading.Thread(target=drained.drain, args=(8,))
        drain.start()
        until(lambda: troubles(log), what="it knows that nothing is taken")
        assert len(seen) == 3
        relay.silenced_by = b""
        drain.join()

        assert drained.left() == (0, 0, 0)
    assert sorted(seen) == NAMES


def troubles(log):
    return [line for line in log.lines if line[0] == "trouble"]
