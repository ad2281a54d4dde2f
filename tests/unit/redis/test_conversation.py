"""From a call to its answer, without a network: what is sent where, and what is made of the answers."""

from __future__ import annotations

import hiredis
import pytest

from headworks.brokers.redis.conversation import Route, Send, converse
from headworks.brokers.redis.operation import Call, Lost, Pause, Refused, command
from headworks.brokers.redis.scripts import Script
from headworks.errors import Unavailable

START, OTHER = ("start", 6379), ("other", 7000)
SCRIPT = Script("s", "return 1", "abc123")


class Talk:
    """A conversation whose other side is the test, on a clock that moves with its pauses."""

    def __init__(self, call=None, *, node=START):
        self.route = Route(START)
        self.route.node = node
        self.time = 0.0
        self._talk = converse(call or command("PING"), self.route, now=lambda: self.time, draw=lambda: 1.0)
        self.step = next(self._talk)

    def answer(self, answer):
        """What comes of an answer: the next step, or the result."""
        try:
            self.step = self._talk.send(answer)
        except StopIteration as end:
            return end.value
        return self.step

    def lose(self):
        self.step = self._talk.throw(Lost("the server hung up"))
        return self.step

    def wait(self):
        assert isinstance(self.step, Pause)
        self.time += self.step.seconds
        return self.answer(None)


def error(text):
    return hiredis.ReplyError(text)


def test_an_answer_is_the_result():
    assert Talk().answer(b"PONG") == b"PONG"


def test_a_script_goes_by_its_name_and_whole_where_it_isnt_known():
    talk = Talk(Call(script=SCRIPT, keys=["{q}"], arguments=["x"]))
    assert b"EVALSHA" in talk.step.data

    step = talk.answer(error("NOSCRIPT No matching script."))

    assert b"return 1" in step.data
    assert b"EVALSHA" not in step.data
    assert talk.answer(1) == 1


def test_a_moved_slot_is_followed_and_remembered():
    talk = Talk()

    step = talk.answer(error("MOVED 3999 other:7000"))

    assert (step.node, talk.route.node) == (OTHER, OTHER)


def test_a_node_that_names_no_host_means_itself():
    assert Talk().answer(error("MOVED 3999 :7000")).node == ("start", 7000)


def test_a_slot_on_its_way_is_asked_for_once():
    talk = Talk()

    step = talk.answer(error("ASK 3999 other:7000"))

    assert (step.node, step.answers, talk.route.node) == (OTHER, 2, START)
    assert b"ASKING" in step.data
    assert talk.answer(b"PONG") == b"PONG"


def test_redirections_that_go_round_come_to_an_end():
    talk = Talk()
    for _ in range(8):
        talk.answer(error("MOVED 3999 other:7000"))

    with pytest.raises(Refused, match="MOVED"):
        talk.answer(error("MOVED 3999 other:7000"))


@pytest.mark.parametrize("text", ["LOADING dataset", "TRYAGAIN", "CLUSTERDOWN The cluster is down"])
def test_a_server_that_isnt_ready_is_asked_again_after_a_pause(text):
    talk = Talk(node=OTHER)

    assert isinstance(talk.answer(error(text)), Pause)

    step = talk.wait()
    assert isinstance(step, Send)
    assert step.node == START


def test_any_other_error_is_the_callers():
    with pytest.raises(Refused, match="WRONGTYPE"):
        Talk().answer(error("WRONGTYPE Operation against a key"))


def test_pauses_grow_to_a_second_and_end_after_five():
    talk = Talk()
    pauses = []
    while talk.time < 5:
        pauses.append(talk.lose().seconds)
        talk.wait()

    assert pauses == [0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0, 1.0]
    with pytest.raises(Unavailable, match="the server hung up"):
        talk.lose()


def test_a_call_that_isnt_to_be_repeated_fails_at_once():
    talk = Talk(command("XREADGROUP", repeatable=False))

    with pytest.raises(Unavailable):
        talk.lose()
