"""A connection of asyncio: many operations at once, their calls pipelined in the order in which they come."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import hiredis

from headworks.brokers.redis.connection import ANSWER_SECONDS
from headworks.brokers.redis.conversation import PATIENCE_SECONDS, Route, converse
from headworks.brokers.redis.operation import Call, Lost, Pause

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from headworks.brokers.redis.address import Address
    from headworks.brokers.redis.conversation import Node, Send
    from headworks.brokers.redis.operation import Operation

T = TypeVar("T")


class AsyncConnection:
    """Conversations with the node that owns a queue's keys.

    A call that blocks holds up those behind it: fetching has a connection of its own.
    """

    def __init__(
        self, address: Address, *, answers_within: float = ANSWER_SECONDS, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._address = address
        self._answers_within = answers_within
        self._patience = patience
        self._route = Route(address.node)
        self._lines: dict[Node, asyncio.Task[_Line]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation to its result.  Raises what it raises."""
        answer: Any = None
        error: Exception | None = None
        while True:
            try:
                wanted = operation.send(answer) if error is None else operation.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            answer, error = None, None
            try:
                if isinstance(wanted, Pause):
                    await asyncio.sleep(wanted.seconds)
                else:
                    answer = await self._converse(wanted)
            except Exception as failure:  # noqa: BLE001 - the operation decides what an error means
                error = failure

    def close(self) -> None:
        """Hang up; a later operation connects anew."""
        for opening in self._lines.values():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                opening.result().hang_up("closed")
            else:
                opening.cancel()
        self._lines.clear()

    async def _converse(self, call: Call) -> Any:
        conversation = converse(call, self._route, patience=self._patience)
        answer: Any = None
        lost: Lost | None = None
        while True:
            try:
                step = conversation.send(answer) if lost is None else conversation.throw(lost)
            except StopIteration as end:
                return end.value
            answer, lost = None, None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                answer = await self._exchange(step)
            except OSError as error:
                lost = Lost(f"{step.node[0]}:{step.node[1]}: {str(error) or type(error).__name__}")

    async def _exchange(self, step: Send) -> Any:
        line = await self._line_to(step.node)
        try:
            async with asyncio.timeout(self._answers_within + step.blocks):
                return await line.ask(step.data, step.answers)
        except TimeoutError:
            line.hang_up("no answer in time")
            raise

    async def _line_to(self, node: Node) -> _Line:
        """The one line to a node; those who ask while it is being made wait for it together."""
        opening = self._lines.get(node)
        if opening is None or (opening.done() and not _is_open(opening)):
            opening = self._lines[node] = asyncio.create_task(self._connect(node))
        return await asyncio.shield(opening)

    async def _connect(self, node: Node) -> _Line:
        loop = asyncio.get_running_loop()
        tls = self._address.tls
        greeting = self._address.greeting()
        async with asyncio.timeout(self._answers_within):
            _, line = await loop.create_connection(
                _Line, *node, ssl=tls, server_hostname=node[0] if tls else None
            )
            if greeting is not None:
                await _greet(line, greeting)
        return line


async def _greet(line: _Line, greeting: bytes) -> None:
    answer: Any = None
    is_let_in = False
    try:
        answer = await line.ask(greeting, 1)
        is_let_in = not isinstance(answer, hiredis.ReplyError)
    finally:
        if not is_let_in:
            # Nobody else knows of it: it would stay open for as long as the server lives.
            line.hang_up("it isn't let in")
    if not is_let_in:
        raise ConnectionRefusedError(str(answer))


def _is_open(opening: asyncio.Task[_Line]) -> bool:
    return not opening.cancelled() and opening.exception() is None and opening.result().is_open


class _Line(asyncio.Protocol):
    """One connection: what is asked is answered in order."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(replyError=hiredis.ReplyError)
        self._asked: deque[tuple[asyncio.Future[Any], int]] = deque()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP's always is
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            future, answers = self._asked.popleft()
            if answers > 1:
                self._asked.appendleft((future, answers - 1))
            elif not future.done():
                future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(str(exc or "the server hung up"))

    def ask(self, data: bytes, answers: int) -> asyncio.Future[Any]:
        """Send, and promise the last of so many answers."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None or not self.is_open:
            future.set_exception(ConnectionResetError("the connection is lost"))
            return future
        self._asked.append((future, answers))
        self._transport.write(data)
        return future

    def hang_up(self, why: str) -> None:
        """End it; whoever waits for an answer is told."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(why)

    def _fail(self, why: str) -> None:
        self.is_open = False
        while self._asked:
            future, _ = self._asked.popleft()
            if not future.done():
                future.set_exception(ConnectionResetError(why))
