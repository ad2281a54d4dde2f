"""A blocking connection: runs operations one after the other, from any thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import hiredis

from headworks.brokers.redis.conversation import PATIENCE_SECONDS, Route, converse
from headworks.brokers.redis.operation import Call, Lost, Pause

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from headworks.brokers.redis.address import Address
    from headworks.brokers.redis.conversation import Node, Send
    from headworks.brokers.redis.operation import Operation

T = TypeVar("T")

ANSWER_SECONDS = 3.0
RECEIVE_BYTES = 1 << 18


class Connection:
    """One conversation at a time with the node that owns a queue's keys.

    `answers_within` bounds the wait for an answer beyond what a call blocks on purpose: a
    connection whose other end has gone without a word is given up then.  A call is tried again
    for `patience` seconds.
    """

    def __init__(
        self,
        address: Address,
        *,
        answers_within: float = ANSWER_SECONDS,
        patience: float = PATIENCE_SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address
        self._answers_within = answers_within
        self._patience = patience
        self._pause = pause
        self._route = Route(address.node)
        self._lines: dict[Node, tuple[socket.socket, hiredis.Reader]] = {}
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, operation: Operation[T]) -> T:
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
                answer = self._do(wanted)
            except Exception as failure:  # noqa: BLE001 - the operation decides what an error means
                error = failure

    def close(self) -> None:
        """Hang up; a later operation connects anew."""
        with self._turn:
            for node in list(self._lines):
                self._hang_up(node)

    def _do(self, wanted: Call | Pause) -> Any:
        if isinstance(wanted, Pause):
            return self._pause(wanted.seconds)
        with self._turn:
            return self._converse(wanted)

    def _converse(self, call: Call) -> Any:
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
                self._pause(step.seconds)
                continue
            try:
                answer = self._exchange(step)
            except (OSError, hiredis.ProtocolError) as error:
                self._hang_up(step.node)
                lost = Lost(f"{step.node[0]}:{step.node[1]}: {str(error) or type(error).__name__}")

    def _exchange(self, step: Send) -> Any:
        line, reader = self._lines.get(step.node) or self._connect(step.node)
        line.settimeout(self._answers_within + step.blocks)
        line.sendall(step.data)
        return self._read(line, reader, step.answers)

    def _read(self, line: socket.socket, reader: hiredis.Reader, answers: int) -> Any:
        answer: Any = None
        for _ in range(answers):
            while (answer := reader.gets()) is False:
                data = line.recv(RECEIVE_BYTES)
                if not data:
                    raise ConnectionResetError("the server hung up")
                reader.feed(data)
        return answer

    def _connect(self, node: Node) -> tuple[socket.socket, hiredis.Reader]:
        greeting = self._address.greeting()
        line = socket.create_connection(node, timeout=self._answers_within)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._address.tls is not None:
                line = self._address.tls.wrap_socket(line, server_hostname=node[0])
            reader = hiredis.Reader(replyError=hiredis.ReplyError)
            if greeting is not None:
                line.sendall(greeting)
                answer = self._read(line, reader, 1)
                if isinstance(answer, hiredis.ReplyError):
                    raise ConnectionRefusedError(str(answer))
        except (OSError, hiredis.ProtocolError):
            line.close()
            raise
        self._lines[node] = (line, reader)
        return self._lines[node]

    def _hang_up(self, node: Node) -> None:
        line, _ = self._lines.pop(node, (None, None))
        if line is not None:
            with contextlib.suppress(OSError):
                line.close()
