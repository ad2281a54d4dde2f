"""A blocking connection: runs operations one after the other, from any thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
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
# For consumers, whose reads block for a second on purpose: a silent connection is given up within two.
PROMPT_ANSWER_SECONDS = 0.9
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
        self._lines: dict[Node, _Line] = {}
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
        line = self._lines.get(step.node) or self._connect(step.node)
        return line.ask(step.data, step.answers, within=self._answers_within + step.blocks)

    def _connect(self, node: Node) -> _Line:
        greeting = self._address.greeting()
        raw = socket.create_connection(node, timeout=self._answers_within)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._address.tls is not None:
                raw = self._address.tls.wrap_socket(raw, server_hostname=node[0])
            line = _Line(raw)
            if greeting is not None:
                answer = line.ask(greeting, 1, within=self._answers_within)
                if isinstance(answer, hiredis.ReplyError):
                    raise ConnectionRefusedError(str(answer))
        except (OSError, hiredis.ProtocolError):
            raw.close()
            raise
        self._lines[node] = line
        return line

    def _hang_up(self, node: Node) -> None:
        line = self._lines.pop(node, None)
        if line is not None:
            line.hang_up()


class _Line:
    """One connection.

    The kernel keeps the time of its reads and writes: a socket with a timeout of Python's own
    asks it before each whether it may, which is half of a small call's system calls.  Not so over
    TLS: there Python takes a read that the kernel has given up for one to try again, for ever.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._reader = hiredis.Reader(replyError=hiredis.ReplyError)
        self._within = 0.0

    def ask(self, data: bytes, answers: int, *, within: float) -> Any:
        """Send, and read the last of so many answers.  Raises `OSError`, also where none comes in time."""
        if within != self._within:
            self._keep_time(within)
        try:
            self._line.sendall(data)
            return self._read(answers)
        except BlockingIOError as error:
            raise TimeoutError(f"no answer within {within:g} s") from error

    def hang_up(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._line.close()

    def _read(self, answers: int) -> Any:
        answer: Any = None
        for _ in range(answers):
            while (answer := self._reader.gets()) is False:
                data = self._line.recv(RECEIVE_BYTES)
                if not data:
                    raise ConnectionResetError("the server hung up")
                self._reader.feed(data)
        return answer

    def _keep_time(self, within: float) -> None:
        if isinstance(self._line, ssl.SSLSocket):
            self._line.settimeout(within)
        else:
            self._line.settimeout(None)
            interval = struct.pack("ll", int(within), int(within % 1 * 1_000_000))
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval)
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval)
        self._within = within
