"""A handler is called as its author wrote it."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from functools import partial

import pytest

from headworks.call import Call
from headworks.errors import InvalidDeclaration

MESSAGE, CONTEXT = object(), object()


def seen_by(handle):
    Call(handle, timeout=timedelta(seconds=5))(MESSAGE, CONTEXT)


def test_one_parameter_gets_the_message():
    got = []

    def handle(message):
        got.append(message)

    seen_by(handle)

    assert got == [MESSAGE]


def test_a_second_parameter_gets_the_context_whatever_its_name():
    got = []

    def handle(message, about):
        got.extend((message, about))

    seen_by(handle)

    assert got == [MESSAGE, CONTEXT]


def test_what_partial_has_bound_is_left_alone():
    got = []

    def handle(message, *, client):
        got.extend((message, client))

    seen_by(partial(handle, client="bound"))

    assert got == [MESSAGE, "bound"]


def test_an_object_can_be_a_handler():
    got = []

    class Handler:
        def __call__(self, message, context):
            got.extend((message, context))

    seen_by(Handler())

    assert got == [MESSAGE, CONTEXT]


def test_an_async_handler_is_awaited():
    got = []

    async def handle(message, context):
        await asyncio.sleep(0)
        got.extend((message, context))

    seen_by(handle)

    assert got == [MESSAGE, CONTEXT]


def test_async_runs_share_one_loop_that_lives_on():
    loops = []

    async def handle(_message):
        loops.append(asyncio.get_running_loop())

    call = Call(handle, timeout=timedelta(seconds=5))
    call(MESSAGE, CONTEXT)
    thread = threading.Thread(target=call, args=(MESSAGE, CONTEXT))
    thread.start()
    thread.join()

    assert loops[0] is loops[1]


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_what_a_handler_raises_comes_out_as_it_is(kind):
    error = LookupError("nobody")

    def handle(_message):
        raise error

    async def async_handle(_message):
        raise error

    with pytest.raises(LookupError) as caught:
        seen_by(handle if kind == "def" else async_handle)
    assert caught.value is error


def no_message(): ...
def needs_more(message, context, client): ...
def needs_a_keyword(message, *, client): ...


@pytest.mark.parametrize("handle", [no_message, needs_more, needs_a_keyword])
def test_a_handler_that_cannot_be_called_is_refused_by_name(handle):
    with pytest.raises(InvalidDeclaration, match=handle.__name__):
        Call(handle, timeout=timedelta(seconds=5))
