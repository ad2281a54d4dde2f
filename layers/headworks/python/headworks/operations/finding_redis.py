"""Finding a message that travels over Redis: by its key, and by its id where it waits or is marked as done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headworks.errors import Undecodable
from headworks.fingerprint import made_at
from headworks.ledger.catalogue import Address, Listed, Story
from headworks.ledger.ledger import Entry, Letter, State
from headworks.message import Carrier, decode
from headworks.operations.finding import Received

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from headworks.brokers.redis.looking_up import Whereabouts
    from headworks.operations.on_redis import OnRedis
    from headworks.queue import Queue


@dataclass(slots=True, kw_only=True)
class FoundOnRedis:
    """Everything that Redis knows of a name.

    `accepted` are consumers of what was accepted of which it isn't known whether they still have it:
    it is ready, with a consumer or parked, or it is done.
    """

    received: list[Received] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    accepted: list[tuple[Address, Received]] = field(default_factory=list)


def find_on_redis(on_redis: OnRedis, name: str, keys: Iterable[tuple[str, str]]) -> FoundOnRedis:
    """What is known of a name that may stand for these keys, each of a queue.  Raises `Unavailable`."""
    found = FoundOnRedis()
    ids: dict[tuple[str, str], Received | None] = {}
    for queue, key in keys:
        if (received := _received(on_redis, queue, key)) is not None:
            found.received.append(received)
            ids[queue, received.message_id] = received
    if made_at(name) is not None:
        for each in on_redis.queues:
            if (each, name) not in ids:
                ids[each, name] = received = _received_as(on_redis, each, name)
                found.received += [received] if received else []
    for (queue_name, message_id), accepted in ids.items():
        declared = on_redis.queues[queue_name]
        for consumer in declared.consumers:
            _look(on_redis, declared, Address(queue_name, consumer), message_id, accepted, found)
    return found


def _look(
    on_redis: OnRedis,
    queue: Queue,
    address: Address,
    message_id: str,
    received: Received | None,
    found: FoundOnRedis,
) -> None:
    there = on_redis.whereabouts(address, message_id)
    if there.due is not None:
        found.stories.append(_waiting(queue, address, message_id, there, there.due))
    elif there.is_done:
        key = received.key if received else message_id
        entry = Entry(key=key, message_id=message_id, type="", source="")
        found.stories.append(
            Story(listed=Listed(address=address, entry=entry, state=State.COMPLETED, attempt=0))
        )
    elif received is not None:
        found.accepted.append((address, received))


def _received(on_redis: OnRedis, queue: str, key: str) -> Received | None:
    accepted = on_redis.accepted_under(queue, key)
    if accepted is None:
        return None
    window = on_redis.queues[queue].deduplication_window
    return Received(
        queue=queue,
        message_id=accepted.message_id,
        key=key,
        accepted_at=made_at(accepted.message_id) or accepted.window_ends - window,
        repeats_until=accepted.window_ends,
    )


def _received_as(on_redis: OnRedis, queue: str, message_id: str) -> Received | None:
    """The acceptance of a message that waits at some consumer: its body tells the key."""
    declared = on_redis.queues[queue]
    for consumer in declared.consumers:
        there = on_redis.whereabouts(Address(queue, consumer), message_id)
        if there.due is not None:
            key = _entry(declared, message_id, there.body, there.due).key
            received = _received(on_redis, queue, key)
            return received if received and received.message_id == message_id else None
    return None


def _waiting(queue: Queue, address: Address, message_id: str, there: Whereabouts, due: datetime) -> Story:
    last = there.past.failures[-1] if there.past.failures else None
    sent_at = there.past.sent_at or made_at(message_id) or due
    return Story(
        listed=Listed(
            address=address,
            entry=_entry(queue, message_id, there.body, sent_at),
            # What was put off without a failed attempt waits for its first one.
            state=State.RETRYING if there.is_retry and there.past.attempts else State.WAITING,
            attempt=there.past.attempts,
            at=due,
            error_type=last.error_type if last else "",
            error=last.error if last else "",
            fault=last.fault if last else None,
            replay=there.past.replay,
            replays=there.past.replays,
            earlier=there.past.earlier,
        ),
        history=there.past.failures,
        letter=Letter(body=there.body.decode(), sent_at=sent_at),
        due=due,
    )


def _entry(queue: Queue, message_id: str, body: bytes, sent_at: datetime) -> Entry:
    carrier = Carrier(queue=queue.name, id=message_id, sent_at=sent_at)
    try:
        return Entry.of(decode(body.decode(), carrier=carrier, key_path=queue.key_path))
    except Undecodable:
        return Entry.unread(message_id, queue.name)
