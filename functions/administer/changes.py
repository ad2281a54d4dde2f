"""Changing what is kept of a message, and taking it away."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from administer.documents.messages import DeleteAnswer, Deleted, FullItem
from administer.documents.requests import PayloadRequest
from administer.operator import UNNAMED, Operator
from administer.places import the_consumer, the_queue
from administer.stories import Stories
from headworks.errors import MissingObject, Undecodable, excerpt
from headworks.http_api import Problem, bad_request
from headworks.ledger.dead_letters import Taken
from headworks.ledger.ledger import State
from headworks.letters import changed_letter, open_letter
from headworks.message import JSON_TYPE, Message, is_json, new_traceparent
from headworks.payload import decode_payload
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.claim_check import ClaimCheck
    from headworks.deduplication import Deduplication
    from headworks.ledger.catalogue import Address, Catalogue, Story
    from headworks.ledger.dead_letters import DeadLetters
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.topology import Topology

_BYTES = "application/octet-stream"
Whose = Annotated[str | None, Query(description="Which consumer's; needed where there are several.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Edits dead letters, and takes dead and waiting messages away."""

    topology: Topology
    catalogue: Catalogue
    dead_letters: Callable[[Address], DeadLetters]
    deduplication: Callable[[Queue], Deduplication]
    claim_check: Callable[[Queue], ClaimCheck | None]
    log: Log

    def edit(
        self,
        queue: str,
        id: str,  # noqa: A002 - the path's own name
        asked: Annotated[PayloadRequest, Body()],
        consumer: Whose = None,
        by: Operator = UNNAMED,
    ) -> FullItem:
        """Change the payload of a dead letter; its first one is kept beside it."""
        declared = the_queue(self.topology, queue)
        address = the_consumer(declared, consumer)
        story = self._the_story(id, address)
        if story.listed.state is not State.DEAD:
            raise _not_now(id, address, story.listed.state, "only a dead letter can be changed")
        claim_check = self.claim_check(declared)
        message = _changed(_opened(claim_check, story, declared), asked, declared)
        letter = changed_letter(
            claim_check, message, sent_at=story.letter.sent_at if story.letter else message.time
        )
        state = self.dead_letters(address).edit(story.listed.entry.key, letter, by=by)
        if state is not State.DEAD:
            raise _not_now(id, address, state, "only a dead letter can be changed")
        entry = story.listed.entry
        self.log(
            Action.EDITED, queue=queue, consumer=address.consumer, message_id=entry.message_id, operator=by
        )
        return Stories(claim_check=self.claim_check).tell(self._the_story(id, address), declared)

    def delete(
        self,
        queue: str,
        id: str,  # noqa: A002 - the path's own name
        consumer: Whose = None,
        by: Operator = UNNAMED,
    ) -> DeleteAnswer:
        """Take a dead or waiting message away for good; its key may be sent anew."""
        declared = the_queue(self.topology, queue)
        address = the_consumer(declared, consumer)
        entry = self._the_story(id, address).listed.entry
        taken = self.dead_letters(address).take_away(entry.key)
        if not isinstance(taken, Taken):
            raise _not_now(id, address, taken, "only a dead or a waiting message can be deleted")
        self.deduplication(declared).forget([entry.message_id])
        self.log(
            Action.DELETED,
            queue=queue,
            consumer=address.consumer,
            message_id=entry.message_id,
            was=taken.was,
            operator=by,
        )
        deleted = Deleted(queue=queue, consumer=address.consumer, id=entry.message_id, was=_was(taken.was))
        return DeleteAnswer(deleted=[deleted])

    def _the_story(self, name: str, address: Address) -> Story:
        """The one that is meant: by its message's id rather than by a key that looks like one."""
        found = self.catalogue.find(name, [address])
        by_id = [story for story in found if story.listed.entry.message_id == name]
        if not found:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                f"Nothing is known of {excerpt(name)} with {address.consumer} of {address.queue}.",
            )
        return (by_id or found)[0]


def _not_now(name: str, address: Address, state: State | None, rule: str) -> Problem:
    """What is asked for can't be done in the state that it is in."""
    how = "gone" if state is None else str(state)
    return Problem(
        HTTPStatus.CONFLICT,
        f"{excerpt(name)} is {how} with {address.consumer} of {address.queue}: {rule}.",
    )


def _was(state: State) -> Literal["dead", "waiting"]:
    return "waiting" if state is State.WAITING else "dead"


def _opened(claim_check: ClaimCheck | None, story: Story, queue: Queue) -> Message[bytes]:
    """The message of a dead letter; of a body that nobody could read, one with what its item says of it."""
    entry, letter = story.listed.entry, story.letter
    sent_at = letter.sent_at if letter else story.listed.at
    assert sent_at is not None  # noqa: S101 - a dead letter has a time of its death
    try:
        opened = open_letter(claim_check, letter, queue) if letter else ""
    except (MissingObject, Undecodable):
        opened = ""
    if isinstance(opened, Message):
        return opened
    return Message(
        id=entry.message_id,
        source=entry.source or queue.name,
        type=entry.type or "message",
        data=b"",
        time=sent_at,
        idempotency_key=entry.key,
        ordering_key=entry.ordering_key,
        tenant=entry.tenant,
        traceparent=new_traceparent(),
    )


def _changed(message: Message[bytes], asked: PayloadRequest, queue: Queue) -> Message[bytes]:
    """The message with another payload, fit for its queue.  Raises `Problem` 400."""
    if asked.data_base64 is None:
        data = msgspec.json.encode(asked.data)
        content_type = message.data_content_type if is_json(message.data_content_type) else JSON_TYPE
    else:
        data = _decoded(asked.data_base64)
        content_type = _BYTES if is_json(message.data_content_type) else message.data_content_type
    try:
        decode_payload(data, queue.payload, where="the payload")
    except Undecodable as error:
        raise bad_request(f"{error}.") from error
    return msgspec.structs.replace(message, data=data, data_content_type=content_type, data_ref=None)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise bad_request(f"dataBase64 isn't base64: {error}.") from error
