"""Sending many messages in few calls: of SQS's and SNS's batches alike."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from headworks.errors import InvalidMessage, excerpt
from headworks.message import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headworks.message import Message
    from headworks.queue import Queue

    Entry = dict[str, Any]

# Both services take ten entries a call; a call's bodies and attributes together are bound like
# a single message's.
MOST_ENTRIES = 10
ROUNDS = 3
FIRST_PAUSE_SECONDS = 0.05

_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


class Sending:
    """One destination's batches: cut to size, the failed entries alone again, order kept.

    `call` sends up to ten entries, each with an `Id`, and answers with the service's own
    `Failed` list.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Entry]], Iterable[Any]],
        *,
        ordered: bool,
        most_bytes: int,
        pause: Callable[[float], None],
    ) -> None:
        self._call = call
        self._ordered = ordered
        self._most_bytes = most_bytes
        self._pause = pause

    def send(self, entries: Sequence[Entry]) -> list[str | None]:
        """Each entry's error, or none, in the order of the input."""
        errors: list[str | None] = [None] * len(entries)
        lost_groups: set[str] = set()
        for call in self._calls(entries):
            sendable = [index for index in call if self._group(entries[index]) not in lost_groups]
            for index in set(call) - set(sendable):
                errors[index] = "an earlier message of its ordering key isn't on the queue"
            for index, error in self._send_call({index: entries[index] for index in sendable}).items():
                errors[index] = error
                if (group := self._group(entries[index])) is not None:
                    lost_groups.add(group)
        return errors

    def _send_call(self, entries: dict[int, Entry]) -> dict[int, str]:
        """Send up to ten entries; answers with the errors that remain."""
        errors: dict[int, str] = {}
        pending = entries
        for round_number in range(ROUNDS):
            if not pending:
                break
            if round_number:
                self._pause(FIRST_PAUSE_SECONDS * 2**round_number)
            try:
                answer = self._call([{"Id": str(index), **entry} for index, entry in pending.items()])
            except (BotoCoreError, ClientError) as error:
                # botocore has tried again already.
                return errors | dict.fromkeys(pending, str(error))
            failed = {int(each["Id"]): each for each in answer}
            for sent in pending.keys() - failed.keys():
                errors.pop(sent, None)
            errors |= {index: told(each) for index, each in failed.items()}
            pending = {index: pending[index] for index, each in failed.items() if not each["SenderFault"]}
        return errors

    def _calls(self, entries: Sequence[Entry]) -> Iterable[list[int]]:
        """Indices by call; one message of an ordering key in each, or a partial failure reorders them."""
        waiting = list(range(len(entries)))
        while waiting:
            call: list[int] = []
            left: list[int] = []
            closed: set[str | None] = set()
            room = self._most_bytes
            for index in waiting:
                group, size = self._group(entries[index]), size_of(entries[index])
                fits = len(call) < MOST_ENTRIES and (size <= room or not call)
                if fits and (group is None or group not in closed):
                    call.append(index)
                    room -= size
                else:
                    left.append(index)
                closed.add(group)
            yield call
            waiting = left

    def _group(self, entry: Entry) -> str | None:
        return entry["MessageGroupId"] if self._ordered else None


def new_entry(queue: Queue, message: Message[bytes], *, body: str, most_bytes: int) -> Entry:
    """A message as an entry of a batch; `body` is what the service calls the body.

    Raises `InvalidMessage`.
    """
    text = encode(message)
    if (size := len(text.encode())) > most_bytes:
        raise InvalidMessage(f"{queue.name}: a message of {size:,} bytes is over the limit of {most_bytes:,}")
    entry: Entry = {body: text}
    if queue.fifo:
        if message.ordering_key is None:
            raise InvalidMessage(f"{queue.name} is ordered: a message needs an ordering key")
        entry["MessageGroupId"] = group_id(message.ordering_key)
        entry["MessageDeduplicationId"] = deduplication_id(message.id)
    elif message.tenant is not None:
        entry["MessageGroupId"] = group_id(message.tenant)
    return entry


def size_of(entry: Entry) -> int:
    """What an entry counts for: its body, and its attributes' names, types and values."""
    body = entry.get("MessageBody") or entry.get("Message") or ""
    return len(body.encode("utf-8", "surrogatepass")) + sum(
        len(name.encode()) + len("String") + len(attribute["StringValue"].encode())
        for name, attribute in entry.get("MessageAttributes", {}).items()
    )


def group_id(key: str) -> str:
    """The services' own id for an ordering key or tenant: the key, or its hash where they wouldn't take it."""
    return key if _GROUP.fullmatch(key) else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def deduplication_id(message_id: str, *, sending: int | str = 0) -> str:
    """Equal for the same sending of a message, so that a repeated call sends it once; another one's differs.

    FIFO remembers it for five minutes, even of a message that is received and deleted.
    """
    return hashlib.sha256(f"{message_id}/{sending}".encode()).hexdigest()


def told(failure: Any) -> str:
    """A service's word on one entry."""
    return f"{failure.get('Code')}: {excerpt(failure.get('Message'))}"
