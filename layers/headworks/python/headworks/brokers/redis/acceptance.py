"""The way in: messages accepted once, and put where each consumer finds them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from headworks.brokers.broker import NO_DELAY
from headworks.brokers.redis.operation import MOST_ARGUMENTS, Call
from headworks.brokers.redis.scripts import standard_scripts
from headworks.errors import InvalidMessage, Unavailable
from headworks.message import encode
from headworks.queue import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headworks.brokers.redis.keys import Keys
    from headworks.brokers.redis.memory_mark import MemoryMark
    from headworks.brokers.redis.operation import Argument, Operation
    from headworks.brokers.redis.scripts import Scripts
    from headworks.message import Message
    from headworks.queue import Queue

MOST_BYTES_A_CALL = 1024 * 1024
# For a message without a key of its own: long enough for its sender to repeat a call whose answer was lost.
WINDOW_OF_UNKEYED = timedelta(minutes=5)
# EVALSHA, the script's name, the number of keys; and the script's own first arguments.
_HEAD = 3 + 6


class Offer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message that wants in: `key` is what it is told apart by, `body` what travels."""

    id: str
    key: str
    body: str | bytes
    ordering_key: str | None = None


def offer_of(queue: Queue, message: Message[bytes]) -> Offer:
    """A message as it is offered to its queue.  Raises `InvalidMessage` for one that is too large to travel."""
    body = encode(message)
    size = len(body) if body.isascii() else len(body.encode())
    if size > MAX_MESSAGE_BYTES:
        raise InvalidMessage(
            f"{queue.name}: a message of {size:,} bytes is over the limit of {MAX_MESSAGE_BYTES:,}"
        )
    return Offer(
        id=message.id,
        key=message.idempotency_key,
        body=body,
        ordering_key=message.ordering_key if queue.fifo else None,
    )


class Accepted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an offer.

    `message_id` is the first one's where the key was accepted before; `error` says why the
    message isn't on the queue.
    """

    message_id: str
    duplicate: bool = False
    error: str | None = None


class Acceptance:
    """A queue's way in: every consumer gets each message.

    `window` is how long an equal key is a duplicate; counted from the due time of a delayed message.
    """

    def __init__(
        self,
        keys: Keys,
        consumers: Sequence[str],
        *,
        window: timedelta,
        fifo: bool = False,
        mark: MemoryMark | None = None,
        scripts: Scripts | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._of = [keys.of(consumer) for consumer in consumers]
        # In milliseconds: of messages with a key of their own, and of others.
        self._windows = (_milliseconds(window), _milliseconds(min(window, WINDOW_OF_UNKEYED)))
        self._fifo = fifo
        self._mark = mark
        self._script = (scripts or standard_scripts())["enqueue"]
        self._now = now
        self._first_keys = (keys.counts, *(key for of in self._of for key in of.places))

    @classmethod
    def of_queue(
        cls, queue: Queue, keys: Keys, *, mark: MemoryMark | None = None, scripts: Scripts | None = None
    ) -> Acceptance:
        """The way into a queue as it is declared."""
        return cls(
            keys,
            queue.consumers,
            window=queue.deduplication_window,
            fifo=queue.fifo,
            mark=mark,
            scripts=scripts,
        )

    def enqueue(self, offers: Sequence[Offer], *, delay: timedelta = NO_DELAY) -> Operation[list[Accepted]]:
        """Accept messages; one answer each, in the order of the input.

        Of equal keys among them the first is accepted, and the others are its duplicates.
        Raises `InvalidMessage`, before anything is sent, for one that can't travel.  When a
        call fails, what comes after it isn't sent: nothing overtakes on the way in.
        """
        self._check(offers, delay)
        accepted: list[Accepted] = []
        for some in self._calls(offers):
            try:
                if self._mark is not None:
                    yield from self._mark.check(self._now())
                answer = yield self._call(some, delay)
            except Unavailable as error:
                rest = offers[len(accepted) :]
                accepted += [Accepted(message_id=each.id, error=str(error)) for each in rest]
                break
            accepted += _answers(some, answer)
        return _with_twins(offers, accepted)

    def _check(self, offers: Sequence[Offer], delay: timedelta) -> None:
        if delay < NO_DELAY:
            raise InvalidMessage(f"{self._keys.queue}: a delay of {delay} is in the past")
        if self._fifo:
            for offer in offers:
                if not offer.ordering_key:
                    raise InvalidMessage(f"{self._keys.queue} is ordered: a message needs an ordering key")

    def _calls(self, offers: Sequence[Offer]) -> Iterator[Sequence[Offer]]:
        """As many at once as a call's arguments and bytes allow."""
        each = 3 + 1 + len(self._of) if self._fifo else 3
        most = (MOST_ARGUMENTS - _HEAD - len(self._first_keys)) // each
        first = size = 0
        for index, offer in enumerate(offers):
            size += len(offer.body)
            if index > first and (index - first >= most or size > MOST_BYTES_A_CALL):
                yield offers[first:index]
                first, size = index, len(offer.body)
        if first < len(offers):
            yield offers[first:]

    def _call(self, offers: Sequence[Offer], delay: timedelta) -> Call:
        prefix = self._keys.accepted_prefix
        wait = _milliseconds(delay) if delay else 0
        windows = [each + wait for each in self._windows]
        keys = list(self._first_keys)
        arguments: list[Argument] = [len(self._of), wait, int(self._fifo), *windows, prefix]
        for offer in offers:
            keys.append(prefix + offer.key)
            arguments += (offer.id, offer.body)
            if self._fifo:
                ordering_key = offer.ordering_key or ""
                keys += [of.parked(ordering_key) for of in self._of]
                arguments.append(ordering_key)
        return Call(script=self._script, keys=keys, arguments=arguments)


def _answers(offers: Sequence[Offer], duplicates: Sequence[int | bytes]) -> list[Accepted]:
    accepted = [Accepted(message_id=offer.id) for offer in offers]
    for at in range(0, len(duplicates), 2):
        first = duplicates[at + 1]
        assert isinstance(first, bytes)  # noqa: S101 - the script answers index and id by turns
        accepted[int(duplicates[at])] = Accepted(message_id=first.decode(), duplicate=True)
    return accepted


def _with_twins(offers: Sequence[Offer], accepted: list[Accepted]) -> list[Accepted]:
    """Answers in which whoever shares a key with an earlier one that was accepted is its duplicate.

    Ids made of equal keys within a millisecond are equal, and the server takes the second for the first one,
    sent again.
    """
    first_with: dict[str, int] = {}
    for index, offer in enumerate(offers):
        first = first_with.setdefault(offer.key, index)
        if first != index and accepted[first].error is None:
            accepted[index] = Accepted(message_id=accepted[first].message_id, duplicate=True)
    return accepted


def _milliseconds(time: timedelta) -> int:
    # Never early.
    return -(-time // timedelta(milliseconds=1))
